# ---- How the steps are done ----------------------------------------------------------------------------------------
# What people read goes to standard error; standard output carries the variables at the end, and nothing else.

step='the beginning'
found=''                # the id of what the last step found or made
made=0 kept=0           # how many things
differences='' left=''  # what is not as planned, and what is left to do by hand
finished=no
words=$(mktemp)         # what the CLI says while it fails

ended() {
  status=$?
  rm -f "$words"
  if [ "$finished" = no ]; then
    printf '\n%s\n' "Stopped at: $step. What was created so far is kept. Fix the problem above, then run this script again. It continues where it stopped." >&2
  fi
  exit "$status"
}
trap ended EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

begin() {
  step=$1
  printf '\n%s\n' "$1" >&2
}

say() {
  printf '   %s\n' "$@" >&2
}

stop() {
  say "$1"
  exit 1
}

# The Azure CLI. When it fails, its own words are shown; 3 means that it may not do this.
azure() {
  if az "$@" --only-show-errors 2>"$words" </dev/null; then return 0; fi
  cat "$words" >&2
  if grep -q 'Forbidden' "$words"; then return 3; fi
  return 1
}

# METHOD ADDRESS [more for az rest]: one call of Microsoft Graph.
graph() {
  method=$1 address=$2
  shift 2
  azure rest --method "$method" --url "$GRAPH/v1.0$address" --resource "$GRAPH" "$@"
}

# ADDRESS QUERY: what Graph says of one thing.
read_of() {
  graph get "$1" --query "$2" --output tsv
}

# ADDRESS PICK [more for az rest]: what PICK finds on every page of a list, one per line. The CLI reads only one page.
all_of() {
  next=$GRAPH/v1.0$1 pick=$2
  shift 2
  while [ "$next" != null ]; do
    case $next in
      "$GRAPH"/v1.0/*) ;;
      *) stop "The list continues at another address: $next" ;;
    esac
    page=$(graph get "${next#"$GRAPH/v1.0"}" --query "[$pick, [to_string(\"@odata.nextLink\")]][]" --output tsv "$@") || return $?
    printf '%s\n' "$page" | sed '$d'
    next=$(printf '%s\n' "$page" | tail -n 1)
    shift $#
  done
}

# ADDRESS QUERY PICK: finds what is there; found is its id, or nothing.
look_for() {
  if [ -n "$2" ]; then
    found=$(all_of "$1" "$3" --url-parameters "$2") || return $?
  else
    found=$(all_of "$1" "$3") || return $?
  fi
  if [ "$(printf '%s' "$found" | grep -c .)" -gt 1 ]; then
    say 'More than one object has this name:' "$found"
    stop 'Rename or delete the others, or set the id of the right one in the settings.'
  fi
}

# ADDRESS BODY [WHERE]: makes what is not there, and waits until Microsoft shows it at WHERE.
make() {
  found=$(graph post "$1" --headers Content-Type=application/json --body "$2" --query id --output tsv) || return $?
  [ -n "$found" ] || stop 'Microsoft did not return the id of the new object.'
  made=$((made + 1))
  say "created ($found)"
  [ $# -lt 3 ] || wait_for "$3/$found"
}

wait_for() {
  tries=0
  until graph get "$1" --output none 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 24 ] || stop 'The new object was created, but Microsoft does not show it yet.'
    sleep 5
  done
}

keep() {
  kept=$((kept + 1))
  say "already exists ($found)"
}

differs() {
  say "DIFFERS, not changed: $1"
  differences="$differences
   $step: $1"
}

# WHAT ADDRESS QUERY VALUE: is what was there before as the plan has it?
compare() {
  is=$(read_of "$2" "$3") || exit 1
  [ "$is" = "$4" ] || differs "$1. It is ${is:-nothing}; the plan has $4."
}

# STATUS WORDS: where the CLI has no right, somebody does it by hand; any other failure ends the script.
by_hand() {
  [ "$1" = 3 ] || exit 1
  found='by hand'
  say "LEFT FOR YOU: $2"
  left="$left
   $step: $2"
}

# TENANT: the CLI is signed in to it, and Graph has its own service principal there.
right_tenant() {
  command -v az >/dev/null || stop 'The Azure CLI (az) is not installed.'
  tenant=$(azure account show --query tenantId --output tsv) || stop "You are not signed in. Run az login --tenant $1"
  [ "$tenant" = "$1" ] || stop "The Azure CLI is signed in to another tenant ($tenant). Run az login --tenant $1"
  look_for /servicePrincipals "\$filter=appId eq '00000003-0000-0000-c000-000000000000'" 'value[].id' || exit 1
  [ -n "$found" ] || stop 'Microsoft Graph has no service principal in this tenant.'
  microsoft_graph=$found
}

# GROUP NAME: the managed identity. Its service principal appears in the directory a moment later.
make_identity() {
  client_id=$(identity_called "$1" "$2") || exit 1
  if [ -n "$client_id" ]; then
    look_for_identity || exit 1
    if [ -n "$found" ]; then keep; fi
  else
    azure identity create --resource-group "$1" --name "$2" --output none || exit 1
    made=$((made + 1))
    say 'created'
    client_id=$(identity_called "$1" "$2") || exit 1
    look_for_identity || exit 1
  fi
  tries=0
  while [ -z "$found" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 24 ] || stop 'The service principal of the identity does not appear in Entra.'
    sleep 5
    look_for_identity || exit 1
  done
}

identity_called() {
  if [ "$(azure group exists --name "$1" --output json)" != true ]; then
    stop "There is no resource group $1. Create it where the portal runs, or choose another with --resource-group."
  fi
  azure identity list --resource-group "$1" --query "[?name=='$2'].clientId" --output tsv
}

look_for_identity() {
  look_for /servicePrincipals "\$filter=appId eq '$client_id'" 'value[].id'
}

keep_identity() {
  look_for_identity || exit 1
  [ -n "$found" ] || stop "There is no service principal with the client id $client_id. Check AZURE_CLIENT_ID."
  keep
}

check_identity() {
  principal=$found
  kind=$(read_of "/servicePrincipals/$principal" servicePrincipalType) || exit 1
  if [ "$kind" != ManagedIdentity ]; then
    stop 'The identity is not a managed identity, so the registrations cannot trust it. See docs/how-to/install.md.'
  fi
}

# ID NAME NEED: one right of grantee in Graph; given holds what it has.
grant() {
  case $given in
    *"$1"*)
      kept=$((kept + 1))
      say "$2: already granted"
      return 0
      ;;
  esac
  offered=$(read_of "/servicePrincipals/$microsoft_graph?\$select=appRoles" "appRoles[?id=='$1'].value") || exit 1
  if [ "$offered" != "$2" ]; then
    [ "$3" = optional ] || stop "Microsoft Graph in this tenant does not offer $2."
    differs "Microsoft Graph in this tenant does not offer $2, which is optional."
    return 0
  fi
  graph post "/servicePrincipals/$microsoft_graph/appRoleAssignedTo" --headers Content-Type=application/json \
    --body '{"principalId": "'"$grantee"'", "resourceId": "'"$microsoft_graph"'", "appRoleId": "'"$1"'"}' \
    --output none || exit 1
  made=$((made + 1))
  say "$2: granted"
}

# WORDS: the policy is switched on for the group, and for whom it is on already. WORDS are for who does it by hand.
PASS_POLICY=/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/temporaryAccessPass
TYPE=microsoft.graph.temporaryAccessPassAuthenticationMethodConfiguration
in_pass_policy() {
  state=$(read_of "$PASS_POLICY" state) || { by_hand $? "$1" && return 0; }
  target='{"id": "'"$group"'", "targetType": "group"}'
  if [ "$state" != enabled ]; then
    targets="[$target]" state=', "state": "enabled"'
  else
    included=$(read_of "$PASS_POLICY" "includeTargets[?id=='$group' || id=='all_users'].id") || exit 1
    case $included in
      *"$group"*)
        kept=$((kept + 1))
        say 'already on'
        targets=''
        ;;
      *all_users*)
        kept=$((kept + 1))
        differs 'Temporary Access Pass is on for all users, so the group has no effect. Limit the policy to groups.'
        targets=''
        ;;
      *)
        targets=$(read_of "$PASS_POLICY" 'to_string(includeTargets)') || exit 1
        if [ "$targets" = '[]' ]; then targets="[$target]"; else targets="${targets%]}, $target]"; fi
        state=''
        ;;
    esac
  fi
  if [ -n "$targets" ]; then
    graph patch "$PASS_POLICY" --headers Content-Type=application/json --output none \
      --body '{"@odata.type": "#'"$TYPE"'"'"$state"', "includeTargets": '"$targets"'}' || { by_hand $? "$1" && return 0; }
    made=$((made + 1))
    say 'turned on for the group'
  fi
  excluded=$(read_of "$PASS_POLICY" "excludeTargets[?id=='$group'].id") || exit 1
  [ -z "$excluded" ] || differs 'The group is also excluded, so its members cannot get a pass.'
  least=$(read_of "$PASS_POLICY" 'to_string(minimumLifetimeInMinutes)') || exit 1
  most=$(read_of "$PASS_POLICY" 'to_string(maximumLifetimeInMinutes)') || exit 1
  if [ "$2" -lt "$least" ] || [ "$2" -gt "$most" ]; then
    differs "The tenant allows passes of $least to $most minutes, but the portal's last $2."
  fi
}

print_variable() {
  printf '%s\n' "$1"
}

finish() {
  finished=yes
  printf '\n' >&2
  if [ "$made" = 0 ]; then
    printf '%s\n' "Nothing was changed. Already there: $kept." >&2
  else
    printf '%s\n' "Created: $made. Already there: $kept." >&2
  fi
  [ -z "$differences" ] || printf '%s\n' "Different from the plan and not changed:$differences" >&2
  [ -z "$left" ] || printf '%s\n' "Left for you to do:$left" >&2
  [ -z "$differences$left" ] || exit 2
}
