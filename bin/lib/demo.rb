# frozen_string_literal: true

require_relative "../../spec/support/fleet"
require_relative "timeline"

# The play of bin/demo, in three acts: a change fires, no change is silent, a node that is off is served later.
class Demo
  def initialize(fleet)
    @fleet = fleet
    @timeline = Timeline.new
  end

  def play
    found_the_flock
    change
    no_change
    target_off
    @timeline.rule("The whole story of the last notification, as bender0 knows it")
    puts @bender0.flockctl!("notifications", "show", @bender0.notifications.first["id"])
  end

  private

  def found_the_flock
    @timeline.rule("A flock of two")
    @timeline.say("operator", "flockctl init; flockctl agent") { @bender0 = @fleet.hub("bender0") }
    @timeline.say("operator", "flockctl token create; flockctl join; flockctl agent") do
      @bender1 = @fleet.join("bender1")
    end
    @timeline.say("bender1", "chef-client declares execute[kill all humans], action :nothing") do
      @bender1.converge!(target)
    end
  end

  def change
    @timeline.rule("Act 1: a file changes on bender0")
    puts indented(source("foobar"))
    @timeline.say("bender0", "chef-client changes the file and notifies bender1") do
      @bender0.converge!(source("foobar"))
    end
    report("foobar", expected: 1)
  end

  def no_change
    @timeline.rule("Act 2: the same recipe again, nothing changes")
    @timeline.say("bender0", "chef-client finds the file up to date") { @bender0.converge!(source("foobar")) }
    report("nothing new", expected: 1)
  end

  def target_off
    @timeline.rule("Act 3: bender1 is off")
    @timeline.say("operator", "stops the agent of bender1") { @bender1.stop }
    @timeline.say("bender0", "chef-client changes the file; the notification waits on disk") do
      @bender0.converge!(source("bite my"))
    end
    @timeline.note("bender0", "notification is #{@bender0.notifications.first["state"]}")
    @timeline.say("operator", "starts the agent of bender1") { @bender1.start }
    report("delivered late", expected: 2)
  end

  def report(what, expected:)
    records = @timeline.say("bender0", "hears the outcome (#{what})") { @bender0.settled(count: expected) }
    record = records.max_by { |sent| sent["seq"] }
    causes = record["sources"].map { |source| source["key"] }.join(", ")
    @timeline.note("bender1", "#{record["key"]} :#{record["action"]} is #{record["state"]}, " \
                              "ran #{record["run_ms"]} ms, caused by #{causes}")
    lines = File.readlines(oracle)
    raise "expected #{expected} runs on bender1, saw #{lines.length}" unless lines.length == expected

    @timeline.note("bender1", "has killed all humans #{lines.length}×")
  end

  def oracle = File.join(@fleet.dir, "humans")

  def target
    "execute 'kill all humans' do\n  command 'echo killed >> #{oracle}'\n  action :nothing\nend\n"
  end

  def source(content)
    <<~RUBY
      file '#{@fleet.dir}/fubar' do
        action :create
        content '#{content}'
        remote_notifies :run, 'execute[kill all humans]', :node => 'bender1'
      end
    RUBY
  end

  def indented(text) = text.gsub(/^/, "          | ")
end

Fleet.open { |fleet| Demo.new(fleet).play }
