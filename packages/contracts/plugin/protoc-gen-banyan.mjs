#!/usr/bin/env node
// A protoc plugin. From messages that carry the (banyan.v1.event) option it generates the event registry of each source,
// `<source>/v1/events_registry.ts`, and from all files together `descriptors.ts`, the descriptor set that server
// reflection and the reading of idempotency levels at run time need. Run by `npm run gen`.
import { createEcmaScriptPlugin, runNodeJs } from '@bufbuild/protoplugin';
import { printDescriptors } from './descriptors.mjs';
import { eventsByFolder } from './events.mjs';
import { printRegistry } from './registry.mjs';

runNodeJs(
  createEcmaScriptPlugin({
    name: 'protoc-gen-banyan',
    version: 'v1',
    generateTs: (schema) => {
      for (const [folder, events] of eventsByFolder(schema)) {
        printRegistry(schema.generateFile(`${folder}/events_registry.ts`), folder, events);
      }
      printDescriptors(schema.generateFile('descriptors.ts'), schema.proto.protoFile);
    },
  }),
);
