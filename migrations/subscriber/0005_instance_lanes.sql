-- Only instances with the same number of lanes share them: one with another number has all of its own.
-- Not breaking: an instance that does not say its number is alone with those that do not.

alter table banyan.subscriber_instance add column lanes smallint;
