# frozen_string_literal: true

require "support/child_ruby"

RSpec.describe "loading flock_of_chefs" do
  it "maps no native code and starts no thread at require" do
    result = child_ruby(<<~RUBY)
      answer(mapped: File.read("/proc/self/maps").include?("flock_of_chefs.so"), ruby_threads: Thread.list.size,
             autoload: FlockOfChefs.autoload?(:Native).nil?)
    RUBY
    expect(result.answer).to eq("mapped" => false, "ruby_threads" => 1, "autoload" => false)
  end

  it "starts no thread when the extension itself is loaded" do
    result = child_ruby(<<~RUBY)
      before = Dir.children("/proc/self/task").size
      FlockOfChefs::Native.version
      answer(mapped: File.read("/proc/self/maps").include?("flock_of_chefs.so"),
             grown: Dir.children("/proc/self/task").size - before)
    RUBY
    expect(result.answer).to eq("mapped" => true, "grown" => 0)
  end

  it "names its threads and keeps signals from them" do
    result = child_ruby(<<~'RUBY')
      probe.wait(0, 1000)
      statuses = -> { Dir.children("/proc/self/task").map { |id| File.read("/proc/self/task/#{id}/status") } }
      named = -> { statuses.call.select { |status| status.include?("Name:\tflock-native") } }
      deadline = Time.now + 10 # a new thread names itself, a moment after it was made
      sleep 0.01 until named.call.size >= 2 || Time.now > deadline
      native = named.call
      blocked = native.map { |status| status[/SigBlk:\s*(\h+)/, 1].to_i(16) }
      answer(count: native.size, int_and_term: blocked.all? { |mask| mask[2 - 1] == 1 && mask[15 - 1] == 1 },
             segv: blocked.any? { |mask| mask[11 - 1] == 1 })
    RUBY
    expect(result.answer).to eq("count" => 2, "int_and_term" => true, "segv" => false)
  end

  it "says how to build a library that is not there" do
    require "flock_of_chefs"
    expect { FlockOfChefs::Native::Loader.call(["/nonexistent/flock_of_chefs"]) }
      .to raise_error(LoadError, /not built for Ruby #{RUBY_VERSION}.*rake compile.*gem pristine flock_of_chefs/o)
  end

  it "carries the gem's version" do
    expect(FlockOfChefs::Native.version).to eq(FlockOfChefs::VERSION)
  end
end
