import { clientSuite } from './client_suite.mjs';
import { sdkV2Auto, sdkV2Legacy } from './sdk_clients.mjs';

for (const client of [sdkV2Legacy, sdkV2Auto]) clientSuite(client.name, client);
