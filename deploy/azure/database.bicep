// The network, and PostgreSQL in it.
param name string
param location string
param networkPrefix string
param administratorId string
param administratorName string
param administratorType string
param ownerPrincipalId string
param ownerIdentityName string
param installerAddress string
param highAvailability string

resource network 'Microsoft.Network/virtualNetworks@2024-01-01' = {
  name: '${name}-network'
  location: location
  properties: {
    addressSpace: {
      addressPrefixes: [networkPrefix]
    }
    subnets: [
      {
        name: 'apps'
        properties: {
          addressPrefix: cidrSubnet(networkPrefix, 24, 0)
          delegations: [
            {
              name: 'apps'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
      {
        name: 'database'
        properties: {
          addressPrefix: cidrSubnet(networkPrefix, 24, 1)
        }
      }
    ]
  }
}

// Only tokens of Entra, no passwords. Reached through the network; from outside only while the database is set up.
resource server 'Microsoft.DBforPostgreSQL/flexibleServers@2024-08-01' = {
  name: '${name}-${uniqueString(resourceGroup().id)}'
  location: location
  sku: {
    name: 'Standard_D2ds_v5'
    tier: 'GeneralPurpose'
  }
  properties: {
    version: '16'
    authConfig: {
      activeDirectoryAuth: 'Enabled'
      passwordAuth: 'Disabled'
      tenantId: tenant().tenantId
    }
    storage: {
      storageSizeGB: 32
      autoGrow: 'Enabled'
    }
    backup: {
      backupRetentionDays: 14
      geoRedundantBackup: 'Disabled'
    }
    highAvailability: {
      mode: highAvailability
    }
    network: {
      publicNetworkAccess: empty(installerAddress) ? 'Disabled' : 'Enabled'
    }
  }
}

resource database 'Microsoft.DBforPostgreSQL/flexibleServers/databases@2024-08-01' = {
  parent: server
  name: 'portal'
  properties: {
    charset: 'UTF8'
    collation: 'en_US.utf8'
  }
}

// One change of the server at a time: each waits for the one before.
resource administrator 'Microsoft.DBforPostgreSQL/flexibleServers/administrators@2024-08-01' = {
  parent: server
  name: administratorId
  properties: {
    principalName: administratorName
    principalType: administratorType
    tenantId: tenant().tenantId
  }
  dependsOn: [database]
}

resource ownerAdministers 'Microsoft.DBforPostgreSQL/flexibleServers/administrators@2024-08-01' = {
  parent: server
  name: ownerPrincipalId
  properties: {
    principalName: ownerIdentityName
    principalType: 'ServicePrincipal'
    tenantId: tenant().tenantId
  }
  dependsOn: [administrator]
}

resource installerReaches 'Microsoft.DBforPostgreSQL/flexibleServers/firewallRules@2024-08-01' = if (!empty(installerAddress)) {
  parent: server
  name: 'installer'
  properties: {
    startIpAddress: installerAddress
    endIpAddress: installerAddress
  }
  dependsOn: [ownerAdministers]
}

resource databaseEndpoint 'Microsoft.Network/privateEndpoints@2024-01-01' = {
  name: '${name}-database'
  location: location
  properties: {
    subnet: {
      id: '${network.id}/subnets/database'
    }
    privateLinkServiceConnections: [
      {
        name: 'database'
        properties: {
          privateLinkServiceId: server.id
          groupIds: ['postgresqlServer']
        }
      }
    ]
  }
  dependsOn: [ownerAdministers]
}

resource names 'Microsoft.Network/privateDnsZones@2020-06-01' = {
  name: 'privatelink.postgres.database.azure.com'
  location: 'global'
}

resource namesInNetwork 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2020-06-01' = {
  parent: names
  name: '${name}-network'
  location: 'global'
  properties: {
    registrationEnabled: false
    virtualNetwork: {
      id: network.id
    }
  }
}

resource databaseName 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-01-01' = {
  parent: databaseEndpoint
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: 'database'
        properties: {
          privateDnsZoneId: names.id
        }
      }
    ]
  }
}

output appsSubnetId string = '${network.id}/subnets/apps'
output databaseHost string = server.properties.fullyQualifiedDomainName
