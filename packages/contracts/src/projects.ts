/** What is generated for the source `projects`: its messages, its service and client, its events and their registry. */
export * from './gen/projects/v1/projects.js';
export * from './gen/projects/v1/events.js';
export * from './gen/projects/v1/events_registry.js';
