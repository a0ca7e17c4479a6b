"""What verification finds in the audit log."""

from accounts.verification.audit import Anchor, AuditVerification


def found_in_audit(*anchors: Anchor) -> list[str]:
    verification = AuditVerification(anchors)
    return [str(each) for each in verification.run(lambda _count: None)]
