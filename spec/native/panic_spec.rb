# frozen_string_literal: true

require "support/child_ruby"

RSpec.describe "a panic in native code" do
  it "is an InternalError, and the process lives on" do
    result = child_ruby(<<~RUBY)
      started = probe
      begin
        started.panic
      rescue => e
        answer([e.class.name, e.message, e.code, e.retryable?, raised { started.wait(10, 1000) }])
      end
    RUBY
    expect(result.answer)
      .to match(["FlockOfChefs::InternalError", a_string_including("as asked", "report"), "panic", false, nil])
  end

  it "in a task reaches the caller that waits for it" do
    result = child_ruby(<<~RUBY)
      started = probe
      answer([raised { started.task_panic }, raised { started.wait(10, 1000) }])
    RUBY
    expect(result.answer).to eq(["FlockOfChefs::InternalError", nil])
  end

  it "keeps an exception that is under way" do
    result = child_ruby(<<~RUBY)
      started = probe
      begin
        begin
          raise ArgumentError, "first"
        ensure
          raised { started.panic }
          started.wait(10, 1000)
        end
      rescue ArgumentError => e
        answer(e.message)
      end
    RUBY
    expect(result.answer).to eq("first")
  end
end
