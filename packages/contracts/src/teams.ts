/** What is generated for the source `teams`: its messages, its service and client, its events and their registry. */
export * from './gen/teams/v1/teams.js';
export * from './gen/teams/v1/events.js';
export * from './gen/teams/v1/events_registry.js';
