import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { clientSuite } from './client_suite.mjs';
import { mayfly } from './support.mjs';

clientSuite('SDK v1', {
  version: '2025-11-25',
  async connect(t, args) {
    const client = new Client({ name: 'mayfly-e2e', version: '1.0.0' });
    const transport = new StdioClientTransport({ command: mayfly, args, stderr: 'ignore' });
    let negotiated;
    transport.setProtocolVersion = (version) => (negotiated = version);
    await client.connect(transport);
    t.after(() => client.close());
    return {
      version: () => negotiated,
      instructions: () => client.getInstructions(),
      listTools: async () => (await client.listTools()).tools,
      call: (name, args, options) => client.callTool({ name, arguments: args }, undefined, options),
      listResources: async () => (await client.listResources()).resources,
      listResourceTemplates: async () => (await client.listResourceTemplates()).resourceTemplates,
      readResource: async (uri) => (await client.readResource({ uri })).contents,
    };
  },
});
