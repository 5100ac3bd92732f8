# frozen_string_literal: true

require "socket"
require "tmpdir"
require "support/child_ruby"

RSpec.describe "an agent that never answers" do
  around do |example|
    Dir.mktmpdir do |dir|
      @dir = dir
      server = UNIXServer.new(File.join(dir, "agent.sock"))
      example.run
    ensure
      server&.close
    end
  end

  def client
    options = JSON.generate("socket" => File.join(@dir, "agent.sock"), "data_dir" => @dir)
    "ONE = FlockOfChefs::Native::Client.new(#{options.inspect})\n"
  end

  it "is given up at the deadline" do
    result = child_ruby("#{client} answer(raised { ONE.call('status', '{}', 300) })")
    expect(result.answer).to eq("FlockOfChefs::TimeoutError"), result.to_s
  end

  it "can be interrupted" do
    result = child_ruby(<<~RUBY)
      require "timeout"
      #{client}
      began = clock
      answer([raised { Timeout.timeout(0.3) { ONE.call("status", "{}", 50_000) } }, clock - began])
    RUBY
    expect(result.answer).to match(["Timeout::Error", a_value < 20]), result.to_s
  end
end
