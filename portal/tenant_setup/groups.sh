
# ---- Groups of HR, admins and auditors -----------------------------------------------------------------------------

# GROUP FILTER: finds a group by its name. Without a filter, GROUP is its object id.
find_group() {
  if [ -n "$2" ]; then
    found=$(all_of /groups 'value[].id' --url-parameters "$2") || exit 1
    [ -n "$found" ] || stop "There is no group with the name $1."
    if [ "$(printf '%s\n' "$found" | wc -l)" -gt 1 ]; then
      say "More than one group has the name $1:" "$found"
      stop 'Write the object id of the right one instead of the name.'
    fi
  else
    found=$(read_of "/groups/$1" id) || stop "There is no group with the object id $1, or you cannot read it."
  fi
  secure=$(read_of "/groups/$found" 'to_string(securityEnabled)') || exit 1
  [ "$secure" = true ] || stop "$1 is not a security group, so Microsoft does not give its members a role."
}

# ROLE: name the group of the last find_group, so that it is no stranger with this role.
name_group() {
  say "$1: $found"
  named="$named $found:$1 "
}

# Who has which role already.
read_role_holders() {
  holders=$(all_of "/servicePrincipals/$enterprise_application/appRoleAssignedTo" "value[].join(':', [principalId, appRoleId])") || exit 1
}

# ROLE GROUP: gives the group this role of the sign-in registration's enterprise application.
assign_role() {
  role=$(read_of "/servicePrincipals/$enterprise_application" "appRoles[?value=='$1'].id") || exit 1
  [ -n "$role" ] || stop "The enterprise application has no role $1."
  case $holders in
    *"$2:$role"*)
      kept=$((kept + 1))
      say "$1: already assigned to $2"
      return 0
      ;;
  esac
  graph post "/servicePrincipals/$enterprise_application/appRoleAssignedTo" --headers Content-Type=application/json \
    --body '{"principalId": "'"$2"'", "resourceId": "'"$enterprise_application"'", "appRoleId": "'"$role"'"}' \
    --output none || stop "Microsoft did not assign $1 to $2. Groups need Entra ID P1 or P2. You can assign people instead."
  made=$((made + 1))
  say "$1: assigned to $2"
}
