# frozen_string_literal: true

# rubocop:disable Naming/PredicateMethod -- they answer something, for calls to have answers
#
# What the guides' examples call.
class HumanApi
  include FlockOfChefs::Api

  expose :killed_all_humans?, :kill, :busy?, :count, :draining?

  def killed_all_humans? = true
  def kill(who, times = 1) = "#{who} #{times}"
  def busy? = false
  def count = 0
  def draining?(_app) = false
end

class Cache
  include FlockOfChefs::Api

  expose :flush

  def flush = true
end

class MyApi
  include FlockOfChefs::Api

  api_name :my_api
  expose :run

  def run = true
end

class Backup
  include FlockOfChefs::Api

  expose :run

  def run(&) = { "users" => 3_000, "orders" => 20 }.each(&).size
end
# rubocop:enable Naming/PredicateMethod
