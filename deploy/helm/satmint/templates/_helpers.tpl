{{/* The name of everything: the release, with "satmint" in it once. */}}
{{- define "satmint.name" -}}
{{- $name := ternary .Release.Name (printf "%s-satmint" .Release.Name) (contains "satmint" .Release.Name) -}}
{{- $name | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- define "satmint.selector" -}}
app.kubernetes.io/name: satmint
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "satmint.labels" -}}
{{ include "satmint.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "satmint.image" -}}
{{ printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) | quote }}
{{- end }}

{{- define "satmint.databaseVariable" -}}
- name: SATMINT_DATABASE
{{- if eq .Values.database.kind "postgresql" }}
  valueFrom:
    secretKeyRef:
      name: {{ .Values.database.postgresql.existingSecret }}
      key: {{ .Values.database.postgresql.key }}
{{- else }}
  value: sqlite:////data/satmint.db
{{- end }}
{{- end }}

{{- define "satmint.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "satmint.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* The pod of the Deployment and of the StatefulSet. */}}
{{- define "satmint.pod" -}}
metadata:
  labels:
    {{- include "satmint.labels" . | nindent 4 }}
  {{- with .Values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  automountServiceAccountToken: false
  # A Service named satmint would set SATMINT_PORT.
  enableServiceLinks: false
  # The server waits 30 s for requests in progress.
  terminationGracePeriodSeconds: {{ add .Values.drainSeconds 40 }}
  securityContext:
    {{- include "satmint.podSecurity" . | nindent 4 }}
  {{- with .Values.image.pullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: satmint
      image: {{ include "satmint.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [serve]
      securityContext:
        {{- include "satmint.containerSecurity" . | nindent 8 }}
      env:
        {{- include "satmint.databaseVariable" . | nindent 8 }}
        - name: SATMINT_HOST
          value: "0.0.0.0"
        - name: SATMINT_PORT
          value: "8080"
        - name: SATMINT_ADMIN_HOST
          value: "0.0.0.0"
        - name: SATMINT_ADMIN_PORT
          value: "9464"
        - name: SATMINT_KEYRING
          value: /run/satmint/keyring/keyring.json
        {{- with .Values.keyring.kekKey }}
        - name: SATMINT_KEYRING_KEK
          value: {{ printf "file:/run/satmint/keyring/%s" . | quote }}
        {{- end }}
        - name: SATMINT_PUBLIC_URL
          value: {{ .Values.publicUrl | quote }}
        - name: SATMINT_CLUSTER_HOST
          value: {{ .Values.clusterHost | quote }}
        {{- with .Values.trustedProxies }}
        - name: SATMINT_TRUSTED_PROXIES
          value: {{ join "," . | quote }}
        {{- end }}
        {{- if .Values.tls.existingSecret }}
        - name: SATMINT_TLS_CERT
          value: /run/satmint/tls/tls.crt
        - name: SATMINT_TLS_KEY
          value: /run/satmint/tls/tls.key
        {{- end }}
        - name: SATMINT_LOG_FORMAT
          value: json
        {{- range $name, $value := .Values.settings }}
        - name: {{ $name }}
          value: {{ $value | quote }}
        {{- end }}
      ports:
        - name: http
          containerPort: 8080
        - name: admin
          containerPort: 9464
      startupProbe:
        {{- include "satmint.probe" (list . "/livez") | nindent 8 }}
        periodSeconds: 1
        failureThreshold: 120
      livenessProbe:
        {{- include "satmint.probe" (list . "/livez") | nindent 8 }}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        {{- include "satmint.probe" (list . "/readyz") | nindent 8 }}
        periodSeconds: 2
        timeoutSeconds: 5
        failureThreshold: 2
      lifecycle:
        preStop:
          exec:
            command: [sleep, {{ .Values.drainSeconds | toString | quote }}]
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      volumeMounts:
        - name: keyring
          mountPath: /run/satmint/keyring
          readOnly: true
        {{- if .Values.tls.existingSecret }}
        - name: tls
          mountPath: /run/satmint/tls
          readOnly: true
        {{- end }}
        - name: tmp
          mountPath: /tmp
        - name: data
          mountPath: /data
  volumes:
    # Directories, not single files (subPath): the server notices a new keyring or certificate in them.
    - name: keyring
      secret:
        secretName: {{ .Values.keyring.existingSecret }}
        defaultMode: 0440
    {{- with .Values.tls.existingSecret }}
    - name: tls
      secret:
        secretName: {{ . }}
        defaultMode: 0440
    {{- end }}
    - name: tmp
      emptyDir:
        medium: Memory
        sizeLimit: 16Mi
    {{- if eq .Values.database.kind "postgresql" }}
    - name: data
      emptyDir:
        sizeLimit: 16Mi
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if eq .Values.database.kind "postgresql" }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "satmint.selector" . | nindent 10 }}
  {{- end }}
{{- end }}

{{- define "satmint.probe" -}}
{{- $root := index . 0 -}}
httpGet:
  path: {{ index . 1 }}
  port: http
  scheme: {{ ternary "HTTPS" "HTTP" (ne $root.Values.tls.existingSecret "") }}
{{- end }}
