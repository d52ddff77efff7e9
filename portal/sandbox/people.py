"""The people of the sandbox tenant: those who use the portal, and those who cannot get a pass."""

from __future__ import annotations

from dataclasses import dataclass

from portal.sandbox.options import OTHER_TENANT_ID

DOMAIN = "contoso.example"
GLOBAL_ADMINISTRATOR = "Global Administrator"
USER_ADMINISTRATOR = "User Administrator"
HELPDESK_ADMINISTRATOR = "Helpdesk Administrator"
# Template ids are the same in every tenant.
ROLE_TEMPLATES = {
    GLOBAL_ADMINISTRATOR: "62e90394-69f5-4237-9190-012177145e10",
    USER_ADMINISTRATOR: "fe930be7-5e62-47db-91af-98c3a49a38b1",
    HELPDESK_ADMINISTRATOR: "729827e3-9c14-49f7-bb1b-9608f156bbb8",
}


@dataclass(frozen=True, slots=True)
class Group:
    number: int
    name: str
    role_assignable: bool = False
    directory_roles: tuple[str, ...] = ()

    @property
    def object_id(self) -> str:
        return f"96000000-0000-4000-8000-{self.number:012d}"


EVERYONE = Group(1, "All employees")
NO_PASSES = Group(2, "Signs in by other means")
SERVER_OPERATORS = Group(3, "Server operators", role_assignable=True)
ACCOUNT_TEAM = Group(4, "Account team", role_assignable=True, directory_roles=(USER_ADMINISTRATOR,))
GROUPS = (EVERYONE, NO_PASSES, SERVER_OPERATORS, ACCOUNT_TEAM)


@dataclass(frozen=True, slots=True)
class Person:
    """One person, as they are after a reset of the sandbox."""

    key: str
    number: int
    name: str
    who: str
    try_this: str
    section: str
    job: str = "Employee"
    department: str = "Operations"
    app_roles: tuple[str, ...] = ()
    manager: str | None = "maria"
    created_days_ago: int = 1200
    hired_days_ago: int | None = 1200
    exists: bool = True
    enabled: bool = True
    guest: bool = False
    other_tenant: bool = False
    has_passkey: bool = False
    methods: tuple[str, ...] = ()  # types of Graph's, beside the password and a passkey
    has_pass: bool = False
    signed_in_days_ago: int | None = 1
    directory_roles: tuple[str, ...] = ()
    eligible_roles: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()
    owned_groups: tuple[Group, ...] = ()
    eligible_groups: tuple[Group, ...] = ()
    restricted: bool = False

    @property
    def object_id(self) -> str:
        return f"5c0ffee0-0000-4000-8000-{self.number:012d}"

    @property
    def alias(self) -> str:
        first, _, last = self.name.lower().partition(" ")
        return f"{first}.{last}".replace(" ", "").replace("'", "")

    @property
    def mail(self) -> str:
        return f"{self.alias}@partner.example" if self.guest else f"{self.alias}@{DOMAIN}"

    @property
    def user_principal_name(self) -> str:
        if self.guest:
            return f"{self.alias}_partner.example#EXT#@{DOMAIN}"
        return f"{self.alias}@{DOMAIN}"

    @property
    def home_tenant(self) -> str | None:
        """The tenant their tokens name, when it is not this one."""
        return OTHER_TENANT_ID if self.other_tenant else None


STAFF, STARTERS, REFUSED = "People who use the portal", "Starters", "People who cannot get a pass"


def staff_member(key: str, number: int, name: str, who: str, try_this: str, **more: object) -> Person:
    return Person(key, number, name, who, try_this, STAFF, has_passkey=True, **more)  # type: ignore[arg-type]


def starter_person(key: str, number: int, name: str, job: str, try_this: str, **more: object) -> Person:
    """New, enabled, a member, hired today, with a password and nothing else."""
    values: dict[str, object] = {
        "who": "Starter",
        "section": STARTERS,
        "department": "Service design",
        "created_days_ago": 2,
        "hired_days_ago": 0,
        "signed_in_days_ago": None,
        **more,
    }
    return Person(key=key, number=number, name=name, job=job, try_this=try_this, **values)  # type: ignore[arg-type]


def refused_person(key: str, number: int, name: str, who: str, try_this: str, **more: object) -> Person:
    """A person who is new like a starter, so that exactly one reason prevents a pass."""
    return starter_person(key, number, name, "Adviser", try_this, who=who, section=REFUSED, **more)


CAST: tuple[Person, ...] = (
    staff_member(
        "hanna",
        1,
        "Hanna Reuter",
        "HR",
        "Add a starter, and send the manager the link.",
        job="HR adviser",
        department="Human resources",
        app_roles=("HR",),
    ),
    staff_member(
        "henry",
        2,
        "Henry Osei",
        "HR, and Nadia's manager",
        "Add Nadia Khan, then try to create her pass. The portal refuses: HR and manager must be different people.",
        job="HR lead",
        department="Human resources",
        app_roles=("HR",),
    ),
    staff_member(
        "maria",
        3,
        "Maria Lindqvist",
        "Manager of most starters",
        "Open the link in the email and confirm the starter's identity. You see the pass only once.",
        job="Head of service design",
        department="Service design",
        manager="ceo",
    ),
    staff_member(
        "tom",
        4,
        "Tom Becker",
        "Manager",
        "You have been Mo Visser's manager since yesterday. Create his pass after Hanna has added him.",
        job="Team lead",
        manager="ceo",
    ),
    staff_member(
        "amir",
        5,
        "Amir Haddad",
        "Admin, and Olga's manager",
        "Try to create a pass for Olga Petrova. Admins cannot create passes.",
        job="Platform lead",
        department="Information technology",
        app_roles=("Admin",),
    ),
    staff_member(
        "ada",
        6,
        "Ada Jansen",
        "Admin",
        "Open the administration. Change the policy, or stop all passes.",
        job="Identity engineer",
        department="Information technology",
        app_roles=("Admin",),
    ),
    staff_member(
        "audrey",
        7,
        "Audrey Klein",
        "Auditor",
        "Read the audit log.",
        job="Internal auditor",
        department="Audit",
        app_roles=("Auditor",),
    ),
    staff_member(
        "outsider",
        8,
        "Oscar Tan",
        "Employee, nobody's manager",
        "Open a manager's link. You get “Page not found”.",
    ),
    staff_member(
        "othertenant",
        9,
        "Tess Other",
        "Signs in from another tenant",
        "Sign in. The portal accepts only its own tenant.",
        other_tenant=True,
        manager=None,
    ),
    staff_member(
        "guestmanager",
        10,
        "Gwen Hart",
        "Guest from a partner, set as Gil's manager",
        "Sign in. Guests cannot use the portal.",
        guest=True,
        manager=None,
    ),
    starter_person(
        "noor",
        20,
        "Noor de Vries",
        "Service designer",
        "Sign in as Hanna and add Noor. Then sign in as Maria and create the pass.",
    ),
    starter_person(
        "liam", 21, "Liam O'Brien", "Content designer", "Sign in with his pass, then register a passkey."
    ),
    starter_person(
        "sofia",
        22,
        "Sofia Rossi",
        "User researcher",
        "On the page with her pass, choose “I did not see the pass”. The portal then cancels the pass.",
    ),
    starter_person(
        "yusuf", 23, "Yusuf Demir", "Developer", "Create his pass in two tabs. Only one tab shows a pass."
    ),
    starter_person(
        "emma",
        24,
        "Emma Nowak",
        "Delivery manager",
        "Withdraw her while she has a pass. The portal deletes the pass first.",
    ),
    starter_person(
        "nadia",
        25,
        "Nadia Khan",
        "HR assistant",
        "If her manager Henry adds her, he cannot create her pass.",
        manager="henry",
    ),
    starter_person(
        "olga",
        26,
        "Olga Petrova",
        "Engineer",
        "Her manager Amir is an admin, so he cannot create her pass.",
        manager="amir",
    ),
    starter_person(
        "ben",
        27,
        "Ben Carter",
        "Analyst",
        "No manager is set for him in Entra, so nobody can create his pass.",
        manager=None,
    ),
    starter_person(
        "late",
        28,
        "Lotte Vos",
        "Interaction designer",
        "Add her before her account exists. Then choose “Create this account”.",
        exists=False,
    ),
    starter_person(
        "mailed",
        29,
        "Mira Sanz",
        "Service designer",
        "IT registered her private email to reset passwords. She can still get a pass.",
        methods=("email",),
    ),
    refused_person(
        "ceo",
        40,
        "Charlotte Eames",
        "Global Administrator",
        "With a pass for this account, an attacker could do everything.",
        created_days_ago=3000,
        hired_days_ago=3000,
        signed_in_days_ago=1,
        has_passkey=True,
        manager=None,
        directory_roles=(GLOBAL_ADMINISTRATOR,),
    ),
    refused_person(
        "guest",
        41,
        "Gina Lake",
        "Guest from a partner",
        "She signs in at her own organisation.",
        guest=True,
    ),
    refused_person(
        "disabled",
        42,
        "Dirk Mulder",
        "Disabled account",
        "Nobody can sign in to this account, even with a pass.",
        enabled=False,
    ),
    refused_person(
        "passkey", 43, "Paula Silva", "Already has a passkey", "She can already sign in.", has_passkey=True
    ),
    refused_person(
        "eligible",
        44,
        "Elias Holm",
        "Eligible for an administrator role",
        "He has no role now, but he can activate one.",
        eligible_roles=(HELPDESK_ADMINISTRATOR,),
    ),
    refused_person(
        "rolegroup",
        45,
        "Rosa Lind",
        "In a role-assignable group",
        "The group can get a role at any time.",
        groups=(SERVER_OPERATORS,),
    ),
    refused_person(
        "groupadmin",
        46,
        "Greta Sand",
        "Administrator through a group",
        "She has the role through the group.",
        groups=(ACCOUNT_TEAM,),
    ),
    refused_person(
        "groupowner",
        53,
        "Oriana West",
        "Owns a role-assignable group",
        "She can add herself to this group.",
        owned_groups=(SERVER_OPERATORS,),
    ),
    refused_person(
        "groupeligible",
        54,
        "Ines Falk",
        "Eligible for a group with a role",
        "With PIM she can join the group at any time.",
        eligible_groups=(ACCOUNT_TEAM,),
    ),
    refused_person(
        "restricted",
        55,
        "Ruben Cole",
        "In a restricted management administrative unit",
        "Only admins of this unit can manage him, so the portal cannot create a pass.",
        restricted=True,
    ),
    refused_person(
        "misdated",
        56,
        "Mila Frost",
        "Hired half a year from now",
        "If she starts this week, her hire date in Entra does not match the start date.",
        hired_days_ago=-180,
    ),
    refused_person(
        "moved",
        47,
        "Mo Visser",
        "Manager changed yesterday",
        "Maria's link no longer works, because Tom is now his manager.",
        manager="tom",
    ),
    refused_person(
        "outofscope",
        48,
        "Otto Brand",
        "Outside the tenant's pass policy",
        "Entra refuses a pass, and the portal explains why.",
        groups=(NO_PASSES,),
    ),
    refused_person(
        "old",
        49,
        "Olaf Stone",
        "Three years with the company",
        "He is not a starter.",
        created_days_ago=1100,
        hired_days_ago=1100,
        signed_in_days_ago=1,
    ),
    refused_person(
        "signedin",
        50,
        "Sina Wolf",
        "New, but has signed in before",
        "She can already sign in.",
        signed_in_days_ago=1,
    ),
    refused_person(
        "haspass",
        51,
        "Petra Hall",
        "Has a pass from the help desk",
        "Her manager chooses whether to replace this pass.",
        has_pass=True,
    ),
    refused_person(
        "gil",
        52,
        "Gil Moore",
        "His manager is a guest",
        "A guest cannot create a pass for him.",
        manager="guestmanager",
    ),
    refused_person(
        "phoned",
        57,
        "Piet Faber",
        "Already has a phone",
        "The policy does not allow a phone number before the first day.",
        methods=("phone",),
    ),
)
BY_KEY = {person.key: person for person in CAST}
