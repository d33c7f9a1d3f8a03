"""Fields with a region or a cluster host of this deployment."""

from dataclasses import dataclass

from satmint.flows.policy import Policy
from satmint.http.body_schema import Field, InvalidValue, JsonSchema, ReadContext
from satmint.http.fields.texts import require_string
from satmint.model.refusals import Code


@dataclass(frozen=True, slots=True, kw_only=True)
class Region(Field[str]):
    """A region of this deployment."""

    def read(self, value: object, context: ReadContext) -> str:
        """See `Field.read`."""
        text = require_string(value)
        if text not in context.policy.regions:
            known = ", ".join(sorted(context.policy.regions))
            raise InvalidValue(Code.UNSUPPORTED_REGION, f"must be one of: {known}")
        return text

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "string"}

    def schema_for(self, policy: Policy) -> JsonSchema:
        """See `Field.schema_for`."""
        return {**self.schema(), "enum": sorted(policy.regions)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterHost(Field[str]):
    """A region or a cluster host of this deployment; read as the host, empty if there is none."""

    def read(self, value: object, context: ReadContext) -> str:
        """See `Field.read`."""
        text = require_string(value)
        if text in context.policy.regions:
            return context.policy.cluster_host_of(text) or ""
        if text not in context.policy.cluster_hosts:
            raise InvalidValue(Code.UNSUPPORTED_REGION, "must be a region or a cluster host")
        return text

    def schema(self) -> JsonSchema:
        """See `Field.schema`."""
        return {"type": "string"}

    def schema_for(self, policy: Policy) -> JsonSchema:
        """See `Field.schema_for`. A region may have the name of a host."""
        words = (*sorted(policy.regions), *sorted(policy.cluster_hosts))
        return {**self.schema(), "enum": list(dict.fromkeys(words))}
