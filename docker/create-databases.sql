-- One database a service, run once when the volume is new. The migrations do the rest.
CREATE DATABASE teams;
CREATE DATABASE projects;
CREATE DATABASE tasks;
