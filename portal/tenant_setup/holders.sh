
# ---- Who owns these objects and has their roles --------------------------------------------------------------------
# A stranger is anyone but the person who runs this script and those whose object ids --trusted lists.

runner=''               # the object id of the person who runs the script
trusted=' ' named=''    # object ids, and GROUP:ROLE of each group that an option names
planned=' '             # the ids of the workload identity's permissions
strangers='' unread=''  # what was found, and what could not be read

# The CLI does not show the object id of a managed identity, so it trusts only --trusted.
who_runs_it() {
  kind=$(azure account show --query user.type --output tsv) || exit 1
  account=$(azure account show --query user.name --output tsv) || exit 1
  case $kind:$account in
    user:*)
      runner=$(read_of '/me?$select=id' id) || exit 1
      ;;
    *AssignedIdentity) ;;
    *)
      look_for /servicePrincipals "\$filter=appId eq '$account'" 'value[].id' || exit 1
      runner=$found
      ;;
  esac
  say "You are signed in as $account (object id ${runner:-unknown})."
  trust "$runner"
}

# OBJECT-ID
trust() {
  trusted="$trusted$1 "
}

# ID NAME: a permission of the plan.
plan_permission() {
  planned="$planned$1 "
}

# ID NAME WHAT: WHAT is what this person, group or application owns or has. Its owner chose the name.
check_holder() {
  shown="$(printf '%s' "$2" | tr -d '[:cntrl:]') (object id $1) $3"
  case $trusted in
    *" $1 "*) say "Trusted: $shown." ;;
    *) report "$shown" ;;
  esac
}

report() {
  say "NOT TRUSTED: $1."
  strangers="$strangers
   $1."
}

# STATUS WHAT: without the permission to read something, the script cannot trust it. Other errors end the script.
not_read() {
  [ "$1" = 3 ] || exit 1
  say "NOT READABLE: $2."
  unread="$unread
   $2."
}

# WHAT ADDRESS: the owners of one object.
check_owners() {
  owners=$(all_of "$2/owners" "value[].join(' ', [id, displayName || '?'])") || { not_read $? "the owners of $1" && return 0; }
  while read -r holder name; do
    [ -z "$holder" ] || check_holder "$holder" "$name" "owns $1"
  done <<END
$owners
END
}

# WHAT ADDRESS: who has which role of one enterprise application. A person without a role is no concern.
check_roles() {
  roles=$(read_of "$2" "appRoles[].join(' ', [id, value || '?'])") || exit 1
  holders=$(all_of "$2/appRoleAssignedTo" "value[].join(' ', [principalId, appRoleId, principalDisplayName || '?'])") ||
    { not_read $? "the role holders of $1" && return 0; }
  while read -r holder role name; do
    case $role in '' | 00000000-0000-0000-0000-000000000000) continue ;; esac
    value=$(printf '%s\n' "$roles" | sed -n "s/^$role //p")
    case $named in
      *" $holder:$value "*) say "Named: $name (object id $holder) has the role $value of $1." ;;
      *) check_holder "$holder" "$name" "has the role ${value:-$role} of $1" ;;
    esac
  done <<END
$holders
END
}

# NAME WITH-NAME WITH-NAME-OR-ID: the app registrations and enterprise applications that this script may find. The last
# two are filters. Anyone in the tenant can create an application of this name, and other tenants can too.
check_application() {
  registrations=$(all_of /applications "value[].join(' ', [id, appId])" --url-parameters "$3") ||
    { not_read $? "the app registrations with the name $1" && return 0; }
  clients=' '
  while read -r registration client; do
    [ -n "$registration" ] || continue
    clients="$clients$client "
    check_owners "the app registration $1 ($registration)" "/applications/$registration"
    look_for /servicePrincipals "\$filter=appId eq '$client'" 'value[].id' || exit 1
    if [ -n "$found" ]; then
      check_owners "the enterprise application $1 ($found)" "/servicePrincipals/$found"
      check_roles "the enterprise application $1 ($found)" "/servicePrincipals/$found"
    fi
  done <<END
$registrations
END
  same_name=$(all_of /servicePrincipals "value[].join(' ', [id, appId, appOwnerOrganizationId || 'unknown'])" --url-parameters "$2") ||
    { not_read $? "the enterprise applications with the name $1" && return 0; }
  while read -r other client organisation; do
    case $clients in *" $client "*) continue ;; esac
    [ -n "$other" ] || continue
    check_holder "$other" "$1" "is an enterprise application of another registration (client id $client, tenant $organisation)"
    check_owners "the enterprise application $1 ($other)" "/servicePrincipals/$other"
  done <<END
$same_name
END
}

# NAME WITH-NAME: the owners of a group, which can add members.
check_group() {
  groups=$(all_of /groups 'value[].id' --url-parameters "$2") || { not_read $? "the groups with the name $1" && return 0; }
  for group in $groups; do
    check_owners "the group $1 ($group)" "/groups/$group"
  done
}

# CLIENT-ID: the owners of the workload identity, and its permissions beyond the plan.
check_workload_identity() {
  [ -n "$1" ] || return 0
  look_for /servicePrincipals "\$filter=appId eq '$1'" 'value[].id' || exit 1
  [ -n "$found" ] || return 0
  identity=$found
  check_owners "the workload identity ($identity)" "/servicePrincipals/$identity"
  rights=$(all_of "/servicePrincipals/$identity/appRoleAssignments" "value[].join(' ', [resourceId, appRoleId, resourceDisplayName || '?'])") ||
    { not_read $? "the permissions of the workload identity ($identity)" && return 0; }
  while read -r resource role name; do
    [ -n "$role" ] || continue
    case $resource:$planned in "$microsoft_graph:"*" $role "*) continue ;; esac
    value=$(read_of "/servicePrincipals/$resource?\$select=appRoles" "appRoles[?id=='$role'].value") || exit 1
    report "The workload identity (object id $identity) has the permission ${value:-$role} of $name, which the portal does not need"
  done <<END
$rights
END
}

stop_for_strangers() {
  [ -n "$strangers$unread" ] || return 0
  [ -z "$strangers" ] || printf '\n%s\n' "Owners and role holders that you did not name:$strangers" >&2
  [ -z "$unread" ] || printf '\n%s\n' "Could not be read, so nobody knows who they are:$unread" >&2
  printf '\n' >&2
  stop 'Nothing was changed. Remove what should not be there. For the others, run setup_tenant again with --trusted OBJECT-ID.'
}
