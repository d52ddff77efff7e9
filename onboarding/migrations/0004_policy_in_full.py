"""The policy with all that an admin may set, for the site and for departments, and a second admin's agreement."""

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import onboarding.models.rules
from onboarding import audit_triggers


class Migration(migrations.Migration):
    dependencies = [
        ("onboarding", "0003_only_added"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        # SQLite makes a table anew to change it; its triggers go with the old one, and are put back below.
        migrations.CreateModel(
            name="PolicyActivation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "verbose_name": "policy activation",
            },
        ),
        migrations.CreateModel(
            name="DepartmentPolicy",
            fields=[],
            options={
                "verbose_name": "department policy",
                "verbose_name_plural": "department policies",
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("onboarding.policyversion",),
        ),
        migrations.AddField(
            model_name="passissue",
            name="override",
            field=models.ForeignKey(
                blank=True,
                help_text="What the starter's department had otherwise.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="onboarding.policyversion",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="approve_all",
            field=models.BooleanField(
                default=False,
                help_text="Before the manager can confirm, somebody of HR who did not record the starter says why that is right. Sensible for departments with much to lose; set it for those alone.",
                verbose_name="another in HR approves every starter",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="approve_beyond",
            field=models.BooleanField(
                default=False,
                help_text="When HR has allowed one more pass, somebody else of HR agrees as well.",
                verbose_name="another in HR approves a pass beyond the limit",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="approve_manager",
            field=models.BooleanField(
                default=False,
                help_text="When HR has accepted another manager than the first one, somebody else of HR agrees as well.",
                verbose_name="another in HR approves a changed manager",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="audit_days",
            field=models.PositiveSmallIntegerField(
                default=365,
                help_text="Who did what, by name. Afterwards the chain still proves that nothing was changed. A year is sensible.",
                validators=[
                    django.core.validators.MinValueValidator(90),
                    django.core.validators.MaxValueValidator(1096),
                ],
                verbose_name="audit details kept (days after the end)",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="deny_list",
            field=models.TextField(
                blank=True,
                default="",
                help_text="Object ids, one a line: emergency accounts, and groups whose members never get a pass. It goes before everything else.",
                verbose_name="never these accounts and groups",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="department",
            field=models.CharField(
                blank=True,
                default="",
                editable=False,
                help_text="As the directory spells it. Empty: the site.",
                max_length=128,
                verbose_name="department",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="eligible_groups",
            field=models.CharField(
                choices=[
                    ("refuse", "check it; where it cannot be read, no pass is made"),
                    ("skip", "check it; where it cannot be read, go on and write that down with the pass"),
                    ("off", "do not check it"),
                ],
                default="refuse",
                help_text="Needs PrivilegedEligibilitySchedule.Read.AzureADGroup, and the same licence.",
                max_length=6,
                verbose_name="groups that can be activated (PIM for groups)",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="eligible_roles",
            field=models.CharField(
                choices=[
                    ("refuse", "check it; where it cannot be read, no pass is made"),
                    ("skip", "check it; where it cannot be read, go on and write that down with the pass"),
                ],
                default="refuse",
                help_text="Reading them needs RoleManagement.Read.Directory and a licence with Privileged Identity Management. Go on without only in a tenant that does not have that licence: there nobody can be eligible.",
                max_length=6,
                verbose_name="administrator roles that can be activated",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="graph_calls",
            field=models.PositiveSmallIntegerField(
                blank=True,
                help_text="So many in the time below. Microsoft publishes 5 in 10 seconds. Empty: as installed.",
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(4),
                    django.core.validators.MaxValueValidator(1000),
                ],
                verbose_name="Microsoft Graph: calls of the scarce kind",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="graph_seconds",
            field=models.PositiveSmallIntegerField(
                blank=True,
                help_text="Empty: as installed.",
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(60),
                ],
                verbose_name="Microsoft Graph: in so many seconds",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="hire_date",
            field=models.CharField(
                choices=[
                    ("off", "do not check it"),
                    ("known", "check it where the directory has one"),
                    ("required", "check it, and refuse where the directory has none"),
                ],
                default="known",
                help_text="A start that is far from the hire date in the directory is often the wrong account or the wrong year.",
                max_length=8,
                verbose_name="hire date agrees with the start",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="hire_date_days",
            field=models.PositiveSmallIntegerField(
                default=31,
                help_text="31 allows for contracts that begin on the first of a month.",
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(90),
                ],
                verbose_name="hire date may differ by (days)",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="hr_address",
            field=models.EmailField(
                blank=True,
                default="",
                help_text="Where HR reads its notices. Empty: as installed.",
                max_length=254,
                verbose_name="address of HR",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="hr_daily",
            field=models.PositiveIntegerField(
                default=500,
                help_text="As many as one person in HR may really enter on one day. 500 is sensible.",
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(10000),
                ],
                verbose_name="starters recorded by one person a day",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="identity_checks",
            field=models.JSONField(
                default=onboarding.models.rules.every_check,
                help_text="The manager says which of these they did. Leave out what your organisation does not accept.",
                verbose_name="accepted ways to check who somebody is",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="manager_daily",
            field=models.PositiveIntegerField(
                default=20,
                help_text="As many starters as one manager may really receive on one day, with a few lost passes. 20 is sensible.",
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(1000),
                ],
                verbose_name="passes by one manager a day",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="needs_second",
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="new_days_after",
            field=models.PositiveSmallIntegerField(
                default=31,
                help_text="How late an account may have been made, and still count as new. 31 covers accounts that come late.",
                validators=[
                    django.core.validators.MinValueValidator(0),
                    django.core.validators.MaxValueValidator(90),
                ],
                verbose_name="an account is new (days after the start)",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="new_days_before",
            field=models.PositiveSmallIntegerField(
                default=90,
                help_text="How early an account may have been made, and still count as new. 90 suits most; shorter is safer.",
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(365),
                ],
                verbose_name="an account is new (days before the start)",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="overrides",
            field=models.JSONField(
                default=list,
                editable=False,
                help_text="What a department has otherwise; the rest is as the site.",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="pass_policy",
            field=models.CharField(
                choices=[
                    ("refuse", "check it; where it cannot be read, no pass is made"),
                    ("skip", "check it; where it cannot be read, go on and write that down with the pass"),
                    ("off", "do not check it"),
                ],
                default="refuse",
                help_text="Checks beforehand that Entra would give this person such a pass. Needs Policy.Read.AuthenticationMethod. Without it a manager learns only from Microsoft's refusal.",
                max_length=6,
                verbose_name="the tenant's own pass policy",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="remind_days_before",
            field=models.PositiveSmallIntegerField(
                default=0,
                help_text="One more mail to the manager, so many days ahead. 1 is sensible where invitations go out early; 0: none.",
                validators=[
                    django.core.validators.MinValueValidator(0),
                    django.core.validators.MaxValueValidator(29),
                ],
                verbose_name="reminder (days before the start)",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="remind_on_day",
            field=models.BooleanField(
                default=True,
                help_text="A mail to the manager when the window opens. Sensible: managers do this twice a year.",
                verbose_name="reminder on the day",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="restricted_unit",
            field=models.BooleanField(
                default=True,
                help_text="Refuses accounts in a restricted management administrative unit. Sensible: those are put there to be left alone, and Microsoft refuses them too.",
                verbose_name="not in a restricted administrative unit",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="retention_days",
            field=models.PositiveSmallIntegerField(
                default=30,
                help_text="After this the portal forgets who a finished starter was. 30 leaves time for questions.",
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(365),
                ],
                verbose_name="personal details kept (days after the end)",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="same_manager",
            field=models.BooleanField(
                default=True,
                help_text="Refuses when the manager is not the one whom HR saw, until HR has looked again. Sensible: whoever can change the manager could otherwise choose who gets the pass.",
                verbose_name="still the same manager",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="same_person",
            field=models.BooleanField(
                default=True,
                help_text="Refuses when the name, the account name or the employee number is no longer what HR saw, until HR has looked again. Sensible: a reused account name is a stranger's.",
                verbose_name="still the same person",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="scope_departments",
            field=models.TextField(
                blank=True,
                default="",
                help_text="One a line, spelled as in the directory (capitals do not matter). Empty: any.",
                verbose_name="only these departments",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="scope_domains",
            field=models.TextField(
                blank=True,
                default="",
                help_text="One a line, like contoso.example. Only accounts with such a name get a pass. Empty: any.",
                verbose_name="only these domains",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="scope_groups",
            field=models.TextField(
                blank=True,
                default="",
                help_text="Object ids, one a line. Membership through other groups counts. Empty: any.",
                verbose_name="only members of these groups",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="second_admin",
            field=models.CharField(
                choices=[
                    ("when_two", "while two admins have signed in within three months"),
                    ("always", "always"),
                    ("never", "never"),
                ],
                default="when_two",
                help_text="Sensible wherever there are two admins: then nobody changes the rules alone.",
                max_length=8,
                verbose_name="a second admin puts a new version in force",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="security_address",
            field=models.EmailField(
                blank=True,
                default="",
                help_text="Told at once when a pass was asked for a privileged or existing account. Empty: as installed.",
                max_length=254,
                verbose_name="address of security",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="sign_ins",
            field=models.CharField(
                choices=[
                    ("refuse", "check it; where it cannot be read, no pass is made"),
                    ("skip", "check it; where it cannot be read, go on and write that down with the pass"),
                ],
                default="skip",
                help_text="Needs AuditLog.Read.All and Entra ID P1. Where it cannot be read, only an account that was made around the start counts as new.",
                max_length=6,
                verbose_name="whether somebody signed in before",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="site_daily",
            field=models.PositiveIntegerField(
                default=1000,
                help_text="The largest first day that you expect, and a tenth more. It limits what a thief could do.",
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(100000),
                ],
                verbose_name="passes a day, all together",
            ),
        ),
        migrations.AddField(
            model_name="policyversion",
            name="step_up_context",
            field=models.CharField(
                blank=True,
                default="",
                help_text="For example c1. Then each pass needs a sign-in of its own that met this context in Conditional Access, made for this starter and used once. Bind a Conditional Access policy to the context first: without one, Entra grants it to everybody. Empty: a fresh sign-in is enough.",
                max_length=3,
                validators=[
                    django.core.validators.RegexValidator(
                        "\\Ac[1-9][0-9]?\\Z", "An authentication context is named c1 to c99."
                    )
                ],
                verbose_name="authentication context",
            ),
        ),
        migrations.AlterField(
            model_name="policyversion",
            name="attempts",
            field=models.PositiveSmallIntegerField(
                default=3,
                help_text="After this many, HR must allow another. 3 is sensible.",
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(10),
                ],
                verbose_name="passes for one starter",
            ),
        ),
        migrations.AlterField(
            model_name="policyversion",
            name="frozen",
            field=models.BooleanField(
                default=False,
                help_text="Stops issuing at once, everywhere, and shows a banner with your name and the reason above. To freeze never needs a second admin; to go on again does, where policy asks for one.",
                verbose_name="freeze: no pass is made",
            ),
        ),
        migrations.AlterField(
            model_name="policyversion",
            name="invite_days_before",
            field=models.PositiveSmallIntegerField(
                default=3,
                help_text="When the manager gets the link. It opens nothing before the window. 3 is sensible.",
                validators=[
                    django.core.validators.MinValueValidator(0),
                    django.core.validators.MaxValueValidator(30),
                ],
                verbose_name="mail to the manager (days before the start)",
            ),
        ),
        migrations.AlterField(
            model_name="policyversion",
            name="sign_in_minutes",
            field=models.PositiveSmallIntegerField(
                default=5,
                help_text="A manager who signed in longer ago is asked to sign in again before confirming. 5 is sensible.",
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(60),
                ],
                verbose_name="sign-in at most (minutes old)",
            ),
        ),
        migrations.AddConstraint(
            model_name="policyversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("new_days_after__lte", 90), ("new_days_before__gte", 1), ("new_days_before__lte", 365)
                ),
                name="policy_new_is_new",
            ),
        ),
        migrations.AddConstraint(
            model_name="policyversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("eligible_roles__in", ["refuse", "skip"])),
                name="policy_privileged_is_checked",
            ),
        ),
        migrations.AddConstraint(
            model_name="policyversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("manager_daily__gte", 1), ("manager_daily__lte", 1000), ("site_daily__lte", 100000)
                ),
                name="policy_has_caps",
            ),
        ),
        migrations.AddConstraint(
            model_name="policyversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("department", ""), ("frozen", False), _connector="OR"),
                name="policy_freezes_everywhere",
            ),
        ),
        migrations.AddField(
            model_name="policyactivation",
            name="by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="policyactivation",
            name="version",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="activation",
                to="onboarding.policyversion",
            ),
        ),
        migrations.RunPython(
            lambda apps, editor: audit_triggers.install(editor.connection),
            migrations.RunPython.noop,
        ),
    ]
