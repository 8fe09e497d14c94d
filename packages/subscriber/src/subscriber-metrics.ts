import { metrics, type Attributes, type Meter, type ObservableResult } from '@opentelemetry/api';
import type { SourceFreshness } from './freshness/freshness.js';
import type { SourceStatus, SubscriberStatus } from './status.js';

/** Something whose status can be read at any time: a `Subscriber`. */
export interface ObservedSubscriber {
  readonly status: SubscriberStatus;
  readonly sourceFreshness: readonly SourceFreshness[];
}

/**
 * Registers the subscriber's metrics with OpenTelemetry: read from its status when they are collected, so that they cost
 * nothing in between. Without an SDK in the process nothing happens.
 *
 * @param meter default: of the global provider
 */
export function observeSubscriber(
  subscriber: ObservedSubscriber,
  meter: Meter = metrics.getMeter('banyan-subscriber'),
): void {
  const each = (read: (source: SourceStatus) => number | undefined) => (result: ObservableResult) => {
    const { name, sources } = subscriber.status;
    for (const source of sources) {
      const value = read(source);
      if (value !== undefined) result.observe(value, attributesOf(name, source.source));
    }
  };
  const counter = (name: string, description: string, read: (source: SourceStatus) => number): void =>
    meter.createObservableCounter(name, { description }).addCallback(each(read));
  const gauge = (
    name: string,
    description: string,
    read: (source: SourceStatus) => number | undefined,
  ): void => meter.createObservableGauge(name, { description }).addCallback(each(read));
  counter('banyan_subscriber_applied_events', 'Events applied by this process.', ({ applied }) => applied);
  counter('banyan_subscriber_duplicate_events', 'Events that came again.', ({ duplicates }) => duplicates);
  counter('banyan_subscriber_queued_events', 'Events set aside with their keys.', ({ queued }) => queued);
  gauge('banyan_subscriber_parked_keys', 'Keys whose events wait.', ({ parkedKeys }) => parkedKeys);
  gauge('banyan_subscriber_lanes', 'Lanes that this process has.', ({ lanes }) => lanes.length);
  gauge('banyan_subscriber_stopped_partitions', 'Partitions that cannot go on.', stoppedOf);
  gauge(
    'banyan_subscriber_lag_positions',
    'Positions not applied yet, at most.',
    (source) => source.lagPositions,
  );
  meter
    .createObservableGauge('banyan_subscriber_staleness_ms', {
      description: 'How old what is kept is; absent: not known.',
    })
    .addCallback((result) => {
      for (const { source, stalenessMs } of subscriber.sourceFreshness)
        if (stalenessMs !== undefined)
          result.observe(stalenessMs, attributesOf(subscriber.status.name, source));
    });
}

const stoppedOf = ({ lanes }: SourceStatus): number =>
  lanes.reduce((sum, { stopped }) => sum + stopped.length, 0);

function attributesOf(subscriber: string, source: string): Attributes {
  return { subscriber, source };
}
