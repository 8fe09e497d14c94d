import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { streamOf } from '@banyan/contracts';
import { defineEvent } from '@banyan/contracts';
import { testDatabase, testNats, uniqueName } from '@banyan/devstack';
import { emit } from '@banyan/outbox';
import { SourceRelay } from '@banyan/relay';
import { on, subscriber } from '@banyan/subscriber';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';

const spans = new InMemorySpanExporter();

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }),
  );
});

afterAll(() => {
  trace.disable();
  propagation.disable();
  context.disable();
});

it('is one trace from the writer through the relay to the handler', async () => {
  const [database, nats] = await Promise.all([testDatabase({ roles: ['outbox', 'subscriber'] }), testNats()]);
  const source = uniqueName('projects');
  const renamed = defineEvent<{ id: string }>({
    source,
    aggregate: 'project',
    type: 'ProjectRenamed',
    codec: {
      encode: ({ id }) => ({ finish: () => Buffer.from(id) }),
      decode: (input) => ({ id: Buffer.from(input).toString() }),
    },
    key: ({ id }) => id,
    version: () => 1,
  });
  let seen: string | undefined;
  const handler = on(renamed, () => {
    seen = trace.getActiveSpan()?.spanContext().traceId;
    return Promise.resolve();
  });
  const relay = new SourceRelay({ source, databaseUrl: database.url, natsUrl: nats.url });
  const reader = subscriber({
    name: 'traced',
    sources: [source],
    databaseUrl: database.url,
    nats: nats.connection,
    handlers: [handler],
  });
  relay.start();
  reader.start();
  try {
    const writer = trace.getTracer('test').startSpan('rename');
    await context.with(trace.setSpan(context.active(), writer), () =>
      emit(database.pool, renamed, { id: 'p1' }),
    );
    writer.end();
    await vi.waitFor(() => expect(seen).toBe(writer.spanContext().traceId), { timeout: 60_000 });
    await vi.waitFor(
      () => expect(spans.getFinishedSpans().map(({ name }) => name)).toContain('apply ProjectRenamed'),
      { timeout: 60_000 },
    );
    const [published, applied] = ['publish', 'apply'].map((what) =>
      spans.getFinishedSpans().find(({ name }) => name === `${what} ProjectRenamed`),
    );
    expect(published?.parentSpanContext?.spanId).toBe(writer.spanContext().spanId);
    expect(applied?.parentSpanContext?.spanId).toBe(published?.spanContext().spanId);
  } finally {
    await Promise.all([relay.stop(), reader.stop()]);
    await (await jetstreamManager(nats.connection)).streams.delete(streamOf(source)).catch(() => undefined);
    await Promise.all([database.drop(), nats.close()]);
  }
});
