import { propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import type { PositionedRow } from './positioned-row.js';

/**
 * Adds the relay's span to the trace that the event's writer began: from the moment that it was emitted to the moment that it
 * is sent. Returns the headers for those who read it. Without a trace on the event, or an OpenTelemetry SDK in the process,
 * those are the writer's own.
 */
export function tracedHeaders(row: PositionedRow, source: string): Record<string, string> {
  if (row.headers['traceparent'] === undefined) return row.headers;
  const parent = propagation.extract(ROOT_CONTEXT, row.headers);
  const span = trace.getTracer('banyan-relay').startSpan(
    `publish ${row.eventType}`,
    {
      kind: SpanKind.PRODUCER,
      startTime: new Date(row.emittedAt),
      attributes: {
        'messaging.system': 'nats',
        'messaging.message.id': row.eventId,
        'banyan.source': source,
      },
    },
    parent,
  );
  if (!span.isRecording()) return row.headers;
  const headers = { ...row.headers };
  propagation.inject(trace.setSpan(parent, span), headers);
  span.end();
  return headers;
}
