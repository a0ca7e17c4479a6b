from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0013_verification_result")]

    operations = [
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(
                condition=models.Q(("outcome", 2)),
                fields=["business_date", "id"],
                name="entry_rejected",
            ),
        ),
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(
                condition=models.Q(("outcome", 2)),
                fields=["account", "business_date", "id"],
                name="entry_rejected_of_account",
            ),
        ),
    ]
