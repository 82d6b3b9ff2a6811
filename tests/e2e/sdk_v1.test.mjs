import { clientSuite } from './client_suite.mjs';
import { sdkV1 } from './sdk_clients.mjs';

clientSuite(sdkV1.name, sdkV1);
