import {
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
} from '@opentelemetry/api';
import { messageOf } from '@banyan/runtime';
import type { IncomingEvent } from './incoming-event.js';

/**
 * Runs a handler within the trace that its event's writer began (W3C Trace Context in the headers). Without an
 * OpenTelemetry SDK in the process, or without a trace on the event, it just runs.
 */
export async function traced<T>(event: IncomingEvent, handle: () => Promise<T>): Promise<T> {
  if (!event.headers.has('traceparent')) return handle();
  const { source, type, aggregate, aggregateId, epoch, n } = event;
  const tracer = trace.getTracer('banyan-subscriber');
  const attributes = {
    'messaging.system': 'nats',
    'messaging.operation.type': 'process',
    'messaging.message.id': event.eventId,
    'banyan.source': source,
    'banyan.aggregate': `${aggregate}/${aggregateId}`,
    'banyan.position': `${epoch}.${n}`,
  };
  const span = tracer.startSpan(
    `apply ${type}`,
    { kind: SpanKind.CONSUMER, attributes },
    writersContext(event),
  );
  try {
    return await context.with(trace.setSpan(context.active(), span), handle);
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
    throw error;
  } finally {
    span.end();
  }
}

function writersContext({ headers }: IncomingEvent): Context {
  return propagation.extract(ROOT_CONTEXT, headers, {
    get: (carrier, name) => carrier.get(name),
    keys: (carrier) => carrier.keys(),
  });
}
