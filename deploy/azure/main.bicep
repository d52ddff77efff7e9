// The portal on Azure Container Apps (docs/how-to/install-on-azure.md). Deploy it twice: without `image` it makes the
// identities, the vault, the database and the log; with `image` also the portal.
targetScope = 'resourceGroup'

@description('The first part of each name.')
@minLength(3)
@maxLength(18)
param name string = 'starter-pass'

param location string = resourceGroup().location

@description('The image of the portal, with its registry and digest. Empty: nothing that needs it is deployed yet.')
param image string = ''

@description('A container registry in this resource group that has the image. Empty: the image is public.')
param registryName string = ''

@description('Who administers the database: the object id of a person or group in Entra.')
param databaseAdministratorId string

@description('The sign-in name of that person, or the display name of that group.')
param databaseAdministratorName string

@allowed(['User', 'Group'])
param databaseAdministratorType string = 'User'

@description('While you set up the database: the public address of your machine. Empty: nobody reaches it from outside.')
param installerAddress string = ''

@description('A second database server that takes over. Not every region has zones.')
@allowed(['ZoneRedundant', 'SameZone', 'Disabled'])
param highAvailability string = 'ZoneRedundant'

@description('The virtual network of the portal. Its addresses must be free if you connect it to others.')
param networkPrefix string = '10.60.0.0/22'

@description('The registration that people sign in with.')
param signInClientId string = ''

@description('The registration that calls Microsoft Graph, if you made one. Empty: the managed identity calls it.')
param graphClientId string = ''

@description('The registration of the API. Empty: no API.')
param apiClientId string = ''

@description('The address that people type, with https.')
param portalUrl string = ''

param organisationName string = ''
param timeZone string = 'Europe/Amsterdam'

@description('The port where monitoring in the same environment reads numbers. Empty: no metrics.')
param metricsPort string = ''

param mailFrom string = ''
param hrAddress string = ''

@description('Alerts go there too.')
param securityAddress string

module foundation 'foundation.bicep' = {
  name: 'foundation'
  params: {
    name: name
    location: location
    registryName: registryName
  }
}

module database 'database.bicep' = {
  name: 'database'
  params: {
    name: name
    location: location
    networkPrefix: networkPrefix
    administratorId: databaseAdministratorId
    administratorName: databaseAdministratorName
    administratorType: databaseAdministratorType
    ownerPrincipalId: foundation.outputs.ownerPrincipalId
    ownerIdentityName: foundation.outputs.ownerIdentityName
    installerAddress: installerAddress
    highAvailability: highAvailability
  }
}

module alerts 'alerts.bicep' = {
  name: 'alerts'
  params: {
    name: name
    location: location
    workspaceName: foundation.outputs.workspaceName
    securityAddress: securityAddress
  }
}

module apps 'apps.bicep' = if (!empty(image)) {
  name: 'apps'
  params: {
    name: name
    location: location
    image: image
    registryName: registryName
    workspaceName: foundation.outputs.workspaceName
    subnetId: database.outputs.appsSubnetId
    portalIdentityName: foundation.outputs.portalIdentityName
    ownerIdentityName: foundation.outputs.ownerIdentityName
    keyUrl: foundation.outputs.keyUrl
    databaseHost: database.outputs.databaseHost
    signInClientId: signInClientId
    graphClientId: graphClientId
    apiClientId: apiClientId
    portalUrl: portalUrl
    organisationName: organisationName
    timeZone: timeZone
    metricsPort: metricsPort
    mailFrom: mailFrom
    hrAddress: hrAddress
    securityAddress: securityAddress
  }
}

output AZURE_CLIENT_ID string = foundation.outputs.portalClientId
output vaultName string = foundation.outputs.vaultName
output databaseHost string = database.outputs.databaseHost
output portalRole string = foundation.outputs.portalIdentityName
