// The portal: the site, the worker, and the job that migrates the database.
param name string
param location string
param image string
param registryName string
param workspaceName string
param subnetId string
param portalIdentityName string
param ownerIdentityName string
param keyUrl string
param databaseHost string
param signInClientId string
param graphClientId string
param apiClientId string
param portalUrl string
param organisationName string
param timeZone string
param metricsPort string
param mailFrom string
param hrAddress string
param securityAddress string

resource portal 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' existing = {
  name: portalIdentityName
}

resource owner 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' existing = {
  name: ownerIdentityName
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' existing = {
  name: workspaceName
}

// The same for all three, but for those that are empty. .env.example explains each.
var settings = [
  { name: 'AZURE_TENANT_ID', value: tenant().tenantId }
  { name: 'AZURE_AUTHORITY_HOST', value: environment().authentication.loginEndpoint }
  { name: 'SIGN_IN_CLIENT_ID', value: signInClientId }
  { name: 'GRAPH_CLIENT_ID', value: graphClientId }
  { name: 'API_CLIENT_ID', value: apiClientId }
  { name: 'PORTAL_URL', value: portalUrl }
  { name: 'BEHIND_PROXY', value: 'on' }
  { name: 'TRUSTED_PROXIES', value: '1' }
  { name: 'SECRET_KEY_FILE', value: '/run/secrets/portal/portal-key' }
  { name: 'DATABASE_LOGIN', value: 'entra' }
  { name: 'ORGANISATION_NAME', value: organisationName }
  { name: 'TIME_ZONE', value: timeZone }
  { name: 'METRICS_ADDRESS', value: empty(metricsPort) ? '' : '0.0.0.0:${metricsPort}' }
  { name: 'MAIL_FROM', value: mailFrom }
  { name: 'HR_ADDRESS', value: hrAddress }
  { name: 'SECURITY_ADDRESS', value: securityAddress }
]
var portalSettings = [
  { name: 'AZURE_CLIENT_ID', value: portal.properties.clientId }
  { name: 'DATABASE_URL', value: 'postgres://${portalIdentityName}@${databaseHost}/portal' }
]
var ownerSettings = [
  { name: 'AZURE_CLIENT_ID', value: owner.properties.clientId }
  { name: 'DATABASE_URL', value: 'postgres://${ownerIdentityName}@${databaseHost}/portal' }
]
var metricsPorts = empty(metricsPort) ? [] : [
  {
    external: false
    targetPort: int(metricsPort)
    exposedPort: int(metricsPort)
  }
]
var keyVolumes = [
  {
    name: 'key'
    storageType: 'Secret'
    secrets: [
      {
        secretRef: 'portal-key'
        path: 'portal-key'
      }
    ]
  }
]
var keyMounts = [
  {
    volumeName: 'key'
    mountPath: '/run/secrets/portal'
  }
]
var portalRegistries = empty(registryName) ? [] : [
  {
    server: '${registryName}${environment().suffixes.acrLoginServer}'
    identity: portal.id
  }
]
var ownerRegistries = empty(registryName) ? [] : [
  {
    server: '${registryName}${environment().suffixes.acrLoginServer}'
    identity: owner.id
  }
]

resource apps 'Microsoft.App/managedEnvironments@2024-03-01' = {
  name: '${name}-apps'
  location: location
  properties: {
    appLogsConfiguration: {
      destination: 'log-analytics'
      logAnalyticsConfiguration: {
        customerId: workspace.properties.customerId
        sharedKey: workspace.listKeys().primarySharedKey
      }
    }
    vnetConfiguration: {
      infrastructureSubnetId: subnetId
    }
    workloadProfiles: [
      {
        name: 'Consumption'
        workloadProfileType: 'Consumption'
      }
    ]
  }
}

resource web 'Microsoft.App/containerApps@2024-03-01' = {
  name: '${name}-web'
  location: location
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${portal.id}': {}
    }
  }
  properties: {
    environmentId: apps.id
    configuration: {
      activeRevisionsMode: 'Single'
      ingress: {
        external: true
        targetPort: 8000
        transport: 'http'
        allowInsecure: false
        additionalPortMappings: metricsPorts
      }
      registries: portalRegistries
      secrets: [
        {
          name: 'portal-key'
          keyVaultUrl: keyUrl
          identity: portal.id
        }
      ]
    }
    template: {
      terminationGracePeriodSeconds: 45
      containers: [
        {
          name: 'starter-pass-portal'
          image: image
          args: ['site', '--bind', '0.0.0.0:8000']
          env: concat(filter(settings, setting => !empty(setting.value)), portalSettings)
          resources: {
            cpu: json('0.5')
            memory: '1Gi'
          }
          probes: [
            {
              type: 'Startup'
              httpGet: {
                path: '/livez'
                port: 8000
              }
              periodSeconds: 10
              failureThreshold: 10
            }
            {
              type: 'Liveness'
              httpGet: {
                path: '/livez'
                port: 8000
              }
              timeoutSeconds: 10
              periodSeconds: 10
              failureThreshold: 3
            }
            {
              type: 'Readiness'
              httpGet: {
                path: '/readyz'
                port: 8000
              }
              timeoutSeconds: 5
              periodSeconds: 5
              failureThreshold: 3
            }
          ]
          volumeMounts: keyMounts
        }
      ]
      scale: {
        minReplicas: 2
        maxReplicas: 4
      }
      volumes: keyVolumes
    }
  }
}

resource worker 'Microsoft.App/containerApps@2024-03-01' = {
  name: '${name}-worker'
  location: location
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${portal.id}': {}
    }
  }
  properties: {
    environmentId: apps.id
    configuration: {
      activeRevisionsMode: 'Single'
      registries: portalRegistries
      secrets: [
        {
          name: 'portal-key'
          keyVaultUrl: keyUrl
          identity: portal.id
        }
      ]
    }
    template: {
      terminationGracePeriodSeconds: 45
      containers: [
        {
          name: 'starter-pass-portal'
          image: image
          args: ['worker']
          env: concat(filter(settings, setting => !empty(setting.value)), portalSettings)
          resources: {
            cpu: json('0.25')
            memory: '0.5Gi'
          }
          volumeMounts: keyMounts
        }
      ]
      scale: {
        minReplicas: 2
        maxReplicas: 2
      }
      volumes: keyVolumes
    }
  }
}

// Started by hand, once per release: first the migration, then the rights of the portal's role on what it made.
resource migrate 'Microsoft.App/jobs@2024-03-01' = {
  name: '${name}-migrate'
  location: location
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${owner.id}': {}
    }
  }
  properties: {
    environmentId: apps.id
    configuration: {
      triggerType: 'Manual'
      manualTriggerConfig: {
        parallelism: 1
        replicaCompletionCount: 1
      }
      replicaTimeout: 3600
      replicaRetryLimit: 1
      registries: ownerRegistries
      secrets: [
        {
          name: 'portal-key'
          keyVaultUrl: keyUrl
          identity: owner.id
        }
      ]
    }
    template: {
      initContainers: [
        {
          name: 'migrate'
          image: image
          args: ['migrate']
          env: concat(filter(settings, setting => !empty(setting.value)), ownerSettings)
          resources: {
            cpu: json('0.25')
            memory: '0.5Gi'
          }
          volumeMounts: keyMounts
        }
      ]
      containers: [
        {
          name: 'rights'
          image: image
          args: ['database_role', '--role', portalIdentityName, '--apply']
          env: concat(filter(settings, setting => !empty(setting.value)), ownerSettings)
          resources: {
            cpu: json('0.25')
            memory: '0.5Gi'
          }
          volumeMounts: keyMounts
        }
      ]
      volumes: keyVolumes
    }
  }
}
