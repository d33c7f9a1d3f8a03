import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.Base64;
import java.util.StringJoiner;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** Usage: java JdkClient.java URL CA_FILE PROJECT API_TOKEN */
public final class JdkClient {
    private static final Pattern REFRESH_TOKEN = Pattern.compile("\"refresh_token\" *: *\"([^\"]+)\"");
    private static final StringJoiner ANSWERS = new StringJoiner(",", "[", "]");

    private static HttpClient client;
    private static String url;
    private static String authorization;

    public static void main(String[] arguments) throws Exception {
        url = arguments[0] + "/api/fabric/subscribers/tokens";
        String credentials = arguments[2] + ":" + arguments[3];
        authorization = "Basic " + Base64.getEncoder().encodeToString(credentials.getBytes());
        client = HttpClient.newBuilder().sslContext(trusting(Path.of(arguments[1]))).build();

        String token = post("issue", "", BodyPublishers.ofString("{\"reference\": \"java@example.com\"}"));
        for (int round = 0; round < 3; round++) {
            token = post("refresh", "/refresh", BodyPublishers.ofString(body(token)));
        }
        InputStream stream = new ByteArrayInputStream(body(token).getBytes());
        post("stream", "/refresh", BodyPublishers.ofInputStream(() -> stream));
        System.out.println(ANSWERS);
    }

    private static String body(String token) {
        return "{\"refresh_token\": \"" + token + "\"}";
    }

    private static String post(String step, String path, BodyPublisher body) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(url + path))
            .header("Authorization", authorization)
            .header("Content-Type", "application/json")
            .POST(body)
            .build();
        var response = client.send(request, BodyHandlers.ofString());
        ANSWERS.add(String.format(
            "{\"step\":\"%s\",\"status\":%d,\"body\":%s}", step, response.statusCode(), response.body()));
        Matcher found = REFRESH_TOKEN.matcher(response.body());
        return found.find() ? found.group(1) : "";
    }

    /** The default TLS settings, with one more certificate authority. */
    private static SSLContext trusting(Path caFile) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (InputStream pem = Files.newInputStream(caFile)) {
            store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(pem));
        }
        var managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        managers.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, managers.getTrustManagers(), null);
        return context;
    }
}
