# frozen_string_literal: true

require "open3"
require "rbconfig"

# Our own layer in place of the gem; `rake spec:celluloid` tells the same story with the gem.
RSpec.describe "Celluloid for APIs" do
  story = File.expand_path("../../support/celluloid_story.rb", __dir__)
  lib = File.expand_path("../../../lib", __dir__)
  told = <<~TEXT
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

  define_method(:tell) do |environment = {}|
    out, err, = Open3.capture3(environment, RbConfig.ruby, "-I", lib, story)
    out.empty? ? err : out
  end

  it "has what APIs use of it" do
    expect(tell.lines.sort).to eq(told.lines.sort)
  end

  it "names the gem for what it has not" do
    script = 'require "flock_of_chefs/api/celluloid"; class X; include Celluloid::Notifications; end'
    _, err, status = Open3.capture3(RbConfig.ruby, "-I", lib, "-e", script)
    expect([status.success?, err]).to match([false, a_string_including('needs the gem: chef_gem "celluloid"')])
  end
end
