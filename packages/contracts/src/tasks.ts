/** What is generated for the source `tasks`: its messages, its service and client, its events and their registry. */
export * from './gen/tasks/v1/tasks.js';
export * from './gen/tasks/v1/events.js';
export * from './gen/tasks/v1/events_registry.js';
