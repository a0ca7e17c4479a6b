import accounts.models.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0012_audit")]

    operations = [
        migrations.CreateModel(
            name="VerificationResult",
            fields=[
                (
                    "what",
                    models.CharField(max_length=10, primary_key=True, serialize=False),
                ),
                ("at_ms", accounts.models.fields.InstantField()),
                ("discrepancies", models.BigIntegerField()),
            ],
            options={
                "verbose_name": "result of a verification",
                "verbose_name_plural": "results of verifications",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("discrepancies__gte", 0)),
                        name="verification_counts_from_none",
                    )
                ],
            },
        ),
    ]
