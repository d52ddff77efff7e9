// The alert rules of connectors/sentinel that need nothing but the portal's own log. Each sends a mail.
param name string
param location string
param workspaceName string
param securityAddress string

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' existing = {
  name: workspaceName
}

resource portalLog 'Microsoft.OperationalInsights/workspaces/savedSearches@2020-08-01' = {
  parent: workspace
  name: 'starter-pass-portal-log'
  properties: {
    category: 'Starter pass portal'
    displayName: 'StarterPassPortal'
    functionAlias: 'StarterPassPortal'
    query: replace(loadTextContent('../../connectors/sentinel/portal-log.kql'), '== "starter-pass-portal"', 'startswith "${name}-"')
    version: 2
  }
}

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: '${name}-security'
  location: 'global'
  properties: {
    groupShortName: 'starterpass'
    enabled: true
    emailReceivers: [
      {
        name: 'security'
        emailAddress: securityAddress
        useCommonAlertSchema: true
      }
    ]
  }
}

// Azure Monitor looks back two days at most. Microsoft Sentinel looks back further, and has the two rules that are not here.
var rules = [
  {
    name: 'policy-loosened'
    severity: 1
    every: 'PT5M'
    window: 'PT15M'
    query: loadTextContent('../../connectors/sentinel/policy-loosened.kql')
  }
  {
    name: 'portal-frozen'
    severity: 2
    every: 'PT5M'
    window: 'PT15M'
    query: loadTextContent('../../connectors/sentinel/portal-frozen.kql')
  }
  {
    name: 'audit-log-broken'
    severity: 1
    every: 'PT1H'
    window: 'PT6H'
    query: loadTextContent('../../connectors/sentinel/audit-log-broken.kql')
  }
]

resource alerts 'Microsoft.Insights/scheduledQueryRules@2021-08-01' = [for rule in rules: {
  name: '${name}-${rule.name}'
  location: location
  kind: 'LogAlert'
  properties: {
    displayName: 'Starter pass portal: ${rule.name}'
    severity: rule.severity
    enabled: true
    evaluationFrequency: rule.every
    windowSize: rule.window
    overrideQueryTimeRange: 'P2D'
    scopes: [workspace.id]
    autoMitigate: false
    skipQueryValidation: true // the table appears with the portal's first line
    criteria: {
      allOf: [
        {
          query: rule.query
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    actions: {
      actionGroups: [people.id]
    }
  }
  dependsOn: [portalLog]
}]
