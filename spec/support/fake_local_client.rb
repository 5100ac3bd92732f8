# frozen_string_literal: true

# Stands in for FlockOfChefs::LocalClient: answers from a table and remembers what it was asked.
class FakeLocalClient
  # @return [Array<Array>] operation, body, deadline
  attr_reader :calls, :config
  # @return [Hash] which may change
  attr_reader :answers

  # @param answers [Hash{String => Hash, Exception}]
  def initialize(answers = {}, config: {}, **more)
    @answers = answers.merge(more)
    @config = config
    @calls = []
  end

  def call(operation, body = {}, timeout_ms: nil)
    @calls << [operation, body, timeout_ms]
    answer(operation)
  end

  # Without a spool it is a call like the others.
  def append(draft, timeout_ms: nil, spool: true)
    @calls << ["append", draft, timeout_ms, *(:no_spool unless spool)]
    answer("append")
  end

  private

  def answer(operation)
    found = @answers.fetch(operation)
    found.is_a?(Exception) ? raise(found) : found
  end
end
