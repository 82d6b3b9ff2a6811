import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { clientSuite } from './client_suite.mjs';
import { mayfly } from './support.mjs';

for (const [mode, version] of [
  ['legacy', '2025-11-25'],
  ['auto', '2026-07-28'],
]) {
  clientSuite(`SDK v2, ${mode}`, {
    version,
    async connect(t, args) {
      const client = new Client(
        { name: 'mayfly-e2e', version: '1.0.0' },
        { versionNegotiation: { mode } },
      );
      await client.connect(new StdioClientTransport({ command: mayfly, args, stderr: 'ignore' }));
      t.after(() => client.close());
      return {
        version: () => client.getNegotiatedProtocolVersion(),
        instructions: () => client.getInstructions(),
        listTools: async () => (await client.listTools()).tools,
        call: (name, args, options) => client.callTool({ name, arguments: args }, options),
        listResources: async () => (await client.listResources()).resources,
        listResourceTemplates: async () => (await client.listResourceTemplates()).resourceTemplates,
        readResource: async (uri) => (await client.readResource({ uri })).contents,
      };
    },
  });
}
