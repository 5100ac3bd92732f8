# frozen_string_literal: true

# The other end of {FlockOfChefs::Remote::Subprocess}: one question on the standard input, one answer on the standard
# output, both JSON.
require "json"
require_relative "../../flock_of_chefs"

question = JSON.parse($stdin.read)
begin
  native = FlockOfChefs::Native::Client.new(JSON.generate(question.slice("socket", "data_dir")))
  client = FlockOfChefs::LocalClient.new(native)
  options = { timeout_ms: question.fetch("timeout_ms") }
  answer = if question.key?("invoke")
             client.invoke(question["invoke"], question.fetch("arguments"), **options)
           else
             client.call(question.fetch("call"), question.fetch("body"), **options)
           end
  puts JSON.generate(answer:)
rescue FlockOfChefs::Error => e
  puts JSON.generate(error: { class: e.class.name, code: e.code, message: e.message })
end
