"""Names of the tags by which the registry tells of a version; whoever may write to the registry may write them."""

from __future__ import annotations

from typing import Final

DIGEST: Final = "digest"
PLAN_HASH: Final = "plan_hash"
DEVELOPER: Final = "developer"
METRICS: Final = "performance_metrics"
STAGE: Final = "approval_status"
APPROVED_BY: Final = "approved_by"
APPROVED_AT: Final = "approval_timestamp"
PUBLISHED: Final = "statement.published"
APPROVED: Final = "statement.approved"
