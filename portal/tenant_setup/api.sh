
# APPLICATION CLIENT-ID: names the API api://CLIENT-ID, if it has no name. The id is known only after it was created.
name_api() {
  uris=$(read_of "/applications/$1" 'to_string(identifierUris)') || exit 1
  case $uris in
    '[]' | null)
      graph patch "/applications/$1" --headers Content-Type=application/json --output none \
        --body '{"identifierUris": ["api://'"$2"'"]}' || exit 1
      made=$((made + 1))
      say "set to api://$2"
      ;;
    "[\"api://$2\"]")
      kept=$((kept + 1))
      say "already set (api://$2)"
      ;;
    *)
      kept=$((kept + 1))
      differs "App ID URI. It is $uris; the plan has [\"api://$2\"]."
      ;;
  esac
}
