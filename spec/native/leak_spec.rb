# frozen_string_literal: true

require "support/child_ruby"

RSpec.describe "10,000 native calls" do
  measure = <<~'RUBY'
    def rss_kib = File.read("/proc/self/status")[/VmRSS:\s*(\d+)/, 1].to_i
    def fds = Dir.children("/proc/self/fd").size
    def grown(warm_up, calls)
      warm_up.times { yield }
      GC.start
      before = [rss_kib, fds]
      calls.times { yield }
      GC.start
      [rss_kib - before[0], fds - before[1]]
    end
  RUBY

  {
    "that succeed" => "ONE = probe; answer(grown(3_000, 10_000) { ONE.wait(0, 1000) })",
    "that fail" => <<~RUBY,
      ONE = FlockOfChefs::Native::Client.new('{"socket":"/nonexistent","data_dir":"/nonexistent"}')
      answer(grown(3_000, 10_000) { raised { ONE.call("status", "{}", 1000) } })
    RUBY
    "that are cut short" => <<~RUBY
      ONE = probe
      answer(grown(300, 1_000) { Thread.new { ONE.wait(9_000, 9_000) }.tap { Thread.pass }.kill.join })
    RUBY
  }.each do |what, script|
    it "leave memory and descriptors flat: #{what}" do
      result = child_ruby("#{measure}\n#{script}", limit_s: 120)
      expect(result.answer).to match([a_value < 8_192, 0]), result.to_s
    end
  end
end
