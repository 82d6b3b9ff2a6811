// The official TypeScript SDKs, as one kind of client: `connect(t, args)` starts the server with these
// arguments and returns what client_suite.mjs says.
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as StdioV1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import { Client as ClientV2 } from '@modelcontextprotocol/client';
import { StdioClientTransport as StdioV2 } from '@modelcontextprotocol/client/stdio';
import { ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { mayfly } from './support.mjs';

const who = { name: 'mayfly-e2e', version: '1.0.0' };

const resourcesOf = (client) => ({
  listResources: async () => (await client.listResources()).resources,
  listResourceTemplates: async () => (await client.listResourceTemplates()).resourceTemplates,
  readResource: async (uri) => (await client.readResource({ uri })).contents,
});

// resources/subscribe of the revisions before 2026-07-28. `handle` sets what is called for updates.
const subscribeTo = (client, handle) => async (uri, told) => {
  handle((notification) => told(notification.params.uri));
  await client.subscribeResource({ uri });
  return () => client.unsubscribeResource({ uri });
};

// subscriptions/listen, which leaves out what is not there.
const listenTo = (client, handle) => async (uri, told) => {
  handle((notification) => told(notification.params.uri));
  const subscription = await client.listen({ resourceSubscriptions: [uri] });
  if (!subscription.honoredFilter.resourceSubscriptions?.includes(uri)) {
    if ((await subscription.closed) !== 'graceful') throw new Error('an empty subscription went on');
    throw new Error(`${uri} was not honoured`);
  }
  return () => subscription.close();
};

async function connectV1(t, args) {
  const client = new ClientV1(who);
  const transport = new StdioV1({ command: mayfly, args, stderr: 'ignore' });
  let negotiated;
  transport.setProtocolVersion = (version) => (negotiated = version);
  await client.connect(transport);
  t.after(() => client.close());
  return {
    version: () => negotiated,
    instructions: () => client.getInstructions(),
    listTools: async () => (await client.listTools()).tools,
    call: (name, args, options) => client.callTool({ name, arguments: args }, undefined, options),
    subscribe: subscribeTo(client, (told) =>
      client.setNotificationHandler(ResourceUpdatedNotificationSchema, told)),
    ...resourcesOf(client),
  };
}

const connectV2 = (mode) => async (t, args) => {
  const client = new ClientV2(who, { versionNegotiation: { mode } });
  await client.connect(new StdioV2({ command: mayfly, args, stderr: 'ignore' }));
  t.after(() => client.close());
  return {
    version: () => client.getNegotiatedProtocolVersion(),
    instructions: () => client.getInstructions(),
    listTools: async () => (await client.listTools()).tools,
    call: (name, args, options) => client.callTool({ name, arguments: args }, options),
    subscribe: (mode === 'legacy' ? subscribeTo : listenTo)(client, (told) =>
      client.setNotificationHandler('notifications/resources/updated', told)),
    ...resourcesOf(client),
  };
};

export const sdkV1 = { name: 'SDK v1', version: '2025-11-25', connect: connectV1 };
export const sdkV2Legacy = { name: 'SDK v2, legacy', version: '2025-11-25', connect: connectV2('legacy') };
export const sdkV2Auto = { name: 'SDK v2, auto', version: '2026-07-28', connect: connectV2('auto') };
