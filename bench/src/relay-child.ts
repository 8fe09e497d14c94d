// A relay in a process of its own that says on request what it has used. Forked by `RelayChild`.
import { SourceRelay, type SourceRelayConfig } from '@banyan/relay';
import { runRowByRow } from './peers/row-by-row.js';
import { runTransactionalOutbox } from './peers/transactional-outbox.js';

const [kind, given] = process.argv.slice(2);
const config = JSON.parse(given ?? '{}') as SourceRelayConfig;

const { databaseUrl, natsUrl } = config;

if (kind === 'row-by-row') void runRowByRow(databaseUrl, natsUrl);
else if (kind === 'outbox-polling' || kind === 'outbox-replication') {
  void runTransactionalOutbox(kind, databaseUrl, natsUrl);
} else new SourceRelay(config).start();

process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuMs: (user + system) / 1000, maxRssBytes: process.resourceUsage().maxRSS * 1024 });
});
process.on('disconnect', () => process.exit(0));
process.send?.('started');
