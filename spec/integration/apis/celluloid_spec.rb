# frozen_string_literal: true

require "open3"
require "rbconfig"

# One story, told with our own layer and with the gem.
RSpec.describe "Celluloid for APIs" do
  story = File.expand_path("../../support/celluloid/story.rb", __dir__)
  lib = File.expand_path("../../../lib", __dir__)
  told = <<~TEXT
    gem: false
    noted: [["human_api", [2]], ["other_api", [1]]], threads: 1
    sync: false, 1
    async: true
    ten sleep together: true
    timers: [true, true]
    itself: true
    abort: ArgumentError: bad, alive: true
    caller: bender2
    guarded: RuntimeError: boom, alive: true
    bye 0
    crash: RuntimeError: boom
    dead: true, Celluloid::DeadActorError
    again: true, 1
    other: false
    bye 1
    bye 1
  TEXT

  alone = { "RUBYOPT" => nil, "BUNDLE_GEMFILE" => nil }
  with_gem = alone.merge("BUNDLE_GEMFILE" => File.expand_path("../../support/celluloid/Gemfile", __dir__))

  # Each story is a process of its own.
  define_method(:tell) do |environment, *command|
    out, err, = Open3.capture3(environment, *command, "-I", lib, story)
    out.empty? ? err : out
  end

  it "has what APIs use of it, where there is no gem" do
    expect(tell(alone, RbConfig.ruby, "--disable=gems").lines.sort).to eq(told.lines.sort)
  end

  it "starts an actor that crashes again and again less and less often" do
    script = <<~RUBY
      require "flock_of_chefs"
      require "flock_of_chefs/api/celluloid/actors"
      actors = FlockOfChefs::Api::Actors
      actors.provide
      STARTS = []
      class Crashing
        include Celluloid
        def initialize = STARTS << Process.clock_gettime(Process::CLOCK_MONOTONIC)
        def boom = raise("boom")
      end
      Crashing.supervise_as :crashing
      actors.go_live
      FlockOfChefs::Api::Registry.entries.each { |entry| actors.start(entry) }
      call = FlockOfChefs::Api::Call.new("bender2", 60_000)
      until STARTS.size == 4
        begin
          actors.find("crashing")&.__flock_call__(call, :boom, [], {}, true)
        rescue StandardError
          sleep 0.01
        end
      end
      puts STARTS.each_cons(2).map { |one, other| other - one }.drop(1).inspect
    RUBY
    out, err, = Open3.capture3(alone, "timeout", "60", RbConfig.ruby, "--disable=gems", "-I", lib, "-e", script)
    expect(out.scan(/[\d.]+/).map(&:to_f)).to match([a_value >= 1, a_value >= 2]), err
  end

  it "is the gem where that is installed" do
    expect(tell(with_gem, "bundle", "exec", "ruby").lines.sort).to eq(["gem: true\n", *told.lines.drop(1)].sort)
  end

  it "is the gem also for a library that has loaded it by itself" do
    first = with_gem.merge("CELLULOID_FIRST" => "1")
    expect(tell(first, "bundle", "exec", "ruby").lines.sort).to eq(["gem: true\n", *told.lines.drop(1)].sort)
  end

  it "names the gem for what it has not" do
    script = 'require "flock_of_chefs/api/celluloid"; class X; include Celluloid::Notifications; end'
    _, err, status = Open3.capture3(alone, RbConfig.ruby, "--disable=gems", "-I", lib, "-e", script)
    expect([status.success?, err]).to match([false, a_string_including('needs the gem: chef_gem "celluloid"')])
  end
end
