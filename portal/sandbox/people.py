"""Who lives in the pretend tenant: everyone the portal serves, and everyone its guards exist for."""

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
    """One of the cast, as they stand when the sandbox starts over."""

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


STAFF, STARTERS, REFUSED = "People who use the portal", "Starters", "People no pass may be made for"


def staff(key: str, number: int, name: str, who: str, try_this: str, **more: object) -> Person:
    return Person(key, number, name, who, try_this, STAFF, has_passkey=True, **more)  # type: ignore[arg-type]


def starter(key: str, number: int, name: str, job: str, try_this: str, **more: object) -> Person:
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


def refused(key: str, number: int, name: str, who: str, try_this: str, **more: object) -> Person:
    """As new as a starter, so that only the one thing named stands in the way."""
    return starter(key, number, name, "Adviser", try_this, who=who, section=REFUSED, **more)


CAST: tuple[Person, ...] = (
    staff(
        "hanna",
        1,
        "Hanna Reuter",
        "HR",
        "Record a starter, and send the manager the link.",
        job="HR adviser",
        department="Human resources",
        app_roles=("HR",),
    ),
    staff(
        "henry",
        2,
        "Henry Osei",
        "HR, and Nadia's manager",
        "Record Nadia Khan and confirm her yourself: two people are needed.",
        job="HR lead",
        department="Human resources",
        app_roles=("HR",),
    ),
    staff(
        "maria",
        3,
        "Maria Lindqvist",
        "Manager of most starters",
        "Open the link from the mail, confirm who stands beside you, and see the pass once.",
        job="Head of service design",
        department="Service design",
        manager="ceo",
    ),
    staff(
        "tom",
        4,
        "Tom Becker",
        "Manager",
        "Mo Visser is yours since yesterday.",
        job="Team lead",
        manager="ceo",
    ),
    staff(
        "amir",
        5,
        "Amir Haddad",
        "Admin, and Olga's manager",
        "Try to confirm Olga Petrova: whoever sets the policy may not make a pass.",
        job="Platform lead",
        department="Information technology",
        app_roles=("Admin",),
    ),
    staff(
        "ada",
        6,
        "Ada Jansen",
        "Admin",
        "Change the policy, or stop issuing at once, in the admin pages.",
        job="Identity engineer",
        department="Information technology",
        app_roles=("Admin",),
    ),
    staff(
        "audrey",
        7,
        "Audrey Klein",
        "Auditor",
        "Read everything that happened.",
        job="Internal auditor",
        department="Audit",
        app_roles=("Auditor",),
    ),
    staff(
        "outsider",
        8,
        "Oscar Tan",
        "Employee, nobody's manager",
        "Open a manager's link: it is not there for you.",
    ),
    staff(
        "othertenant",
        9,
        "Tess Other",
        "Signs in from another tenant",
        "Sign in: the portal knows only its own tenant.",
        other_tenant=True,
        manager=None,
    ),
    staff(
        "guestmanager",
        10,
        "Gwen Hart",
        "Guest from a partner, recorded as Gil's manager",
        "Sign in: a guest may not vouch for a starter.",
        guest=True,
        manager=None,
    ),
    starter("noor", 20, "Noor de Vries", "Service designer", "Record her as Hanna, confirm as Maria."),
    starter("liam", 21, "Liam O'Brien", "Content designer", "Use the pass, then register a passkey."),
    starter(
        "sofia", 22, "Sofia Rossi", "User researcher", "Press “I did not see it”: the pass is taken back."
    ),
    starter("yusuf", 23, "Yusuf Demir", "Developer", "Confirm twice, in two tabs: one pass."),
    starter("emma", 24, "Emma Nowak", "Delivery manager", "Withdraw her while a pass is out."),
    starter(
        "nadia", 25, "Nadia Khan", "HR assistant", "Recorded by her own manager, Henry.", manager="henry"
    ),
    starter("olga", 26, "Olga Petrova", "Engineer", "Her manager Amir is an admin: refused.", manager="amir"),
    starter("ben", 27, "Ben Carter", "Analyst", "The directory knows no manager for him.", manager=None),
    starter(
        "late",
        28,
        "Lotte Vos",
        "Interaction designer",
        "Record her before her account appears.",
        exists=False,
    ),
    refused(
        "ceo",
        40,
        "Charlotte Eames",
        "Global Administrator",
        "The account an attacker would like a pass for.",
        created_days_ago=3000,
        hired_days_ago=3000,
        signed_in_days_ago=1,
        has_passkey=True,
        manager=None,
        directory_roles=(GLOBAL_ADMINISTRATOR,),
    ),
    refused(
        "guest",
        41,
        "Gina Lake",
        "Guest from a partner",
        "She signs in with her own organisation.",
        guest=True,
    ),
    refused("disabled", 42, "Dirk Mulder", "Disabled account", "A pass would not open it.", enabled=False),
    refused(
        "passkey", 43, "Paula Silva", "Has a passkey already", "She can sign in by herself.", has_passkey=True
    ),
    refused(
        "eligible",
        44,
        "Elias Holm",
        "May become an administrator",
        "He holds no role now, and can take one up.",
        eligible_roles=(HELPDESK_ADMINISTRATOR,),
    ),
    refused(
        "rolegroup",
        45,
        "Rosa Lind",
        "In a role-assignable group",
        "The group can be given a role any day.",
        groups=(SERVER_OPERATORS,),
    ),
    refused(
        "groupadmin",
        46,
        "Greta Sand",
        "Administrator through a group",
        "The role is not hers, and she has it.",
        groups=(ACCOUNT_TEAM,),
    ),
    refused(
        "groupowner",
        53,
        "Oriana West",
        "Owns a role-assignable group",
        "She can put herself into it.",
        owned_groups=(SERVER_OPERATORS,),
    ),
    refused(
        "groupeligible",
        54,
        "Ines Falk",
        "May become a member of a powerful group",
        "PIM for groups lets her in whenever she asks.",
        eligible_groups=(ACCOUNT_TEAM,),
    ),
    refused(
        "restricted",
        55,
        "Ruben Cole",
        "In a restricted administrative unit",
        "Somebody put him there to be left alone.",
        restricted=True,
    ),
    refused(
        "misdated",
        56,
        "Mila Frost",
        "Hired half a year from now",
        "The date in the directory and the one HR typed do not agree.",
        hired_days_ago=-180,
    ),
    refused(
        "moved",
        47,
        "Mo Visser",
        "Manager changed yesterday",
        "Maria's link is dead, Tom's works.",
        manager="tom",
    ),
    refused(
        "outofscope",
        48,
        "Otto Brand",
        "Outside the tenant's pass policy",
        "Entra refuses, and the portal says so in words.",
        groups=(NO_PASSES,),
    ),
    refused(
        "old",
        49,
        "Olaf Stone",
        "Three years with the company",
        "He is no starter.",
        created_days_ago=1100,
        hired_days_ago=1100,
        signed_in_days_ago=1,
    ),
    refused(
        "signedin",
        50,
        "Sina Wolf",
        "New, and signed in before",
        "She has found her way in.",
        signed_in_days_ago=1,
    ),
    refused(
        "haspass",
        51,
        "Petra Hall",
        "Holds a pass from the help desk",
        "It is not the portal's.",
        has_pass=True,
    ),
    refused(
        "gil",
        52,
        "Gil Moore",
        "His manager is a guest",
        "Nobody who may vouch for him.",
        manager="guestmanager",
    ),
)
BY_KEY = {person.key: person for person in CAST}
