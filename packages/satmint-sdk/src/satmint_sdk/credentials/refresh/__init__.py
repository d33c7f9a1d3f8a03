"""When and how a credential is replaced: policy, scheduler, attempts, retry decisions."""
