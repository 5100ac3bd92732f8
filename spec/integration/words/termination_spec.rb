# frozen_string_literal: true

require "support/chef_process"
require "flock_of_chefs"
require "flock_of_chefs/chef"

RSpec.describe "TERM and a run that waits" do
  include_context "with chef"

  before { FileUtils.rm_f(Dir[chef.path("mark.*")]) }

  # What no run takes; only bounds a failure.
  def bound_s = 60

  def mark(name) = chef.path("mark.#{name}")
  def marks = Dir[mark("*")].map { |path| path[/[^.]+\z/] }.sort

  # Chef runs the recipe, in which `mark(name)` leaves a mark and `waiting(name)` waits for ever after one.
  def start(recipe, *arguments, config: "")
    chef.recipe(<<~RUBY)
      mark = ->(name) { File.write("#{chef.path("mark.")}\#{name}", Process.pid.to_s) }
      forever = lambda do |resource, name|
        resource.wait_until(timeout: 3000) { mark.call(name) && false }
      end
      #{recipe}
    RUBY
    chef.write("term.rb", "#{File.read(chef.path("client.rb"))}\n#{config}\n")
    chef.spawn("term.rb", "-o", "recipe[cb]", *arguments)
  end

  # @return [Process::Status] of chef-client, after TERM to the process that left the mark
  def ended(run, at:)
    chef.wait_for { File.size?(mark(at)) }
    Process.kill("TERM", File.read(mark(at)).to_i)
    run.join(bound_s) or raise "it goes on: #{said}"
    run.value
  ensure
    Process.kill("KILL", -run.pid) if run.alive?
  end

  def said = File.read(chef.path("daemon.log"))

  two_waits = <<~RUBY
    ruby_block('later') do
      block { mark.call('late') }
      action :nothing
      forever.call(self, 'asked-late')
    end
    ruby_block('plain') { block { mark.call('plain') }; action :nothing }
    ruby_block('first') { block {}; notifies :run, 'ruby_block[later]', :delayed; notifies :run, 'ruby_block[plain]', :delayed }
    ruby_block('waits') do
      block { mark.call('waited') }
      retries 2
      ignore_failure true
      forever.call(self, 'asked')
    end
  RUBY

  it "ends it by Chef's exit code; delayed notifications are run, but for those that would wait" do
    expect(ended(start(two_waits), at: "asked").exitstatus).to eq(3), said
    expect(marks).to eq(%w[asked asked-late plain])
    expect(said).to include("SIGTERM received while waiting, stopping")
    expect(chef.run_json).to include("phase" => "failed")
  end

  it "does so where Chef shows stack traces, too" do
    run = start(two_waits, config: "always_dump_stacktrace true")
    expect(ended(run, at: "asked").exitstatus).to eq(3), said
    expect(said).not_to match(/NoMethodError|FrozenError/)
  end

  it "ends it when it comes while a delayed notification waits" do
    run = start(two_waits.sub(/ruby_block\('waits'\).*\z/m, ""))
    expect(ended(run, at: "asked-late").exitstatus).to eq(3), said
    expect(marks).to eq(%w[asked-late plain])
  end

  it "ends it at its next wait when it comes while an action is at work, which is finished" do
    recipe = <<~RUBY
      ruby_block('works') { block { mark.call('works'); sleep 0.05 until File.exist?('#{mark("go")}'); mark.call('worked') } }
      ruby_block('waits') { block { mark.call('waited') }; forever.call(self, 'asked') }
    RUBY
    run = start(recipe)
    chef.wait_for { File.size?(mark("works")) }
    Process.kill("TERM", run.pid)
    File.write(mark("go"), "")
    expect(run.join(bound_s)&.value&.exitstatus).to eq(3), said
    expect(marks).to eq(%w[asked go worked works])
  ensure
    Process.kill("KILL", -run.pid) if run&.alive?
  end

  it "ends a run that Chef forked, as which its parent tells it" do
    expect(ended(start(two_waits, "--fork", "--once"), at: "asked").success?).to be(false)
    expect(said).to include("exited unsuccessfully (exit code 3)")
    expect(marks).to eq(%w[asked asked-late plain])
  end

  it "ends the run of a chef-client with an interval, which goes on with the next one" do
    run = start(two_waits, "--interval", "1", "--splay", "0")
    chef.wait_for { File.size?(mark("asked")) }
    first = File.read(mark("asked")).to_i
    Process.kill("TERM", first)
    chef.wait_for(120) { ![0, first].include?(File.read(mark("asked")).to_i) }
    expect(said).to include("exited unsuccessfully (exit code 3)")
    Process.kill("TERM", -run.pid)
    expect(run.join(bound_s)&.value&.exitstatus).to eq(3), said
  ensure
    Process.kill("KILL", -run.pid) if run&.alive?
  end
end
