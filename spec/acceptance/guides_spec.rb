# frozen_string_literal: true

require "shellwords"
require_relative "../support/fleet/callers"
require_relative "../support/guide"

# Every example of the guides of calls and waits is run as it stands, on real nodes of the names that it uses; only /tmp
# and /etc/app are other folders. One that is written later is run, too: let it use what is here, or add to it.
RSpec.describe "the examples of the guides", :acceptance do
  include_context "with callers"

  before(:context) do
    @bender0 = @fleet.hub("bender0", agent_toml: run_command("bender0"))
    @bender, @lb, @db, @web, @app = join_all(
      "bender" => { tags: ["cache"] }, "lb" => {}, "db" => {},
      "web1" => { tags: ["canary"], agent_toml: run_command("web1") }, "app" => {}
    )
    [@bender, @lb, @db].each { |node| offer_guide_apis(node) }
    make_programs
    converge_all
    @gate = File.join(@fleet.dir, "gate")
    @held = @bender0.converge_in_background(
      "node.default['nginx']['port'] = 80\nruby_block('gate') { block { sleep 0.05 until File.exist?('#{@gate}') } }\n"
    )
    from = Fleet::Console.new(@bender)
    Fleet.eventually("bender0 converges") { from.ask("FlockOfChefs['bender0'][:flock_api].active") }
    from.close
  end

  # Runs that the examples asked for end before their agents do.
  after(:context) do
    FileUtils.touch(@gate)
    @held.join
    Fleet.eventually("bender0 has done what it was asked for") do
      !%w[queued converging].include?(JSON.parse(@bender.flockctl!("call", "bender0", "flock_api", "state"))["state"])
    end
  end

  def run_command(name)
    command = %w[bundle exec chef-client -z --no-color -r recipe[acceptance]
                 -c] << File.join(@fleet.dir, name, "client.rb")
    "run_command = #{JSON.generate(command)}"
  end

  def offer_guide_apis(node)
    FileUtils.mkdir_p(node.path("data/apis"), mode: 0o700)
    FileUtils.cp(File.expand_path("../support/fleet/guide_apis.rb", __dir__), node.path("data/apis"))
    Fleet.eventually("#{node.name} serves") { host(node)["state"] == "serving" }
  end

  # Commands that the examples' resources run.
  def make_programs
    FileUtils.mkdir_p(programs)
    %w[migrate deploy].each do |name|
      File.write(File.join(programs, name), "#!/bin/sh\ntouch #{@fleet.dir}/#{name}\n", perm: 0o755)
    end
  end

  def programs = File.join(@fleet.dir, "bin")

  # What other nodes read.
  def converge_all
    runs = { @bender0 => "node.default['nginx']['port'] = 80\n", @db => <<~DB, @web => "" }
      node.default['postgres']['version'] = 15
      execute("migrate") { command "true"; action :nothing }
    DB
    runs.map { |node, recipe| Thread.new { node.converge!(recipe) } }.each(&:value)
  end

  def run_ruby(example)
    text = example.text.gsub(%r{/(?:tmp|etc/app)/}, "#{fleet.dir}/tmp-")
    @app.converge!(text, env: { "PATH" => "#{programs}:#{ENV.fetch("PATH")}" })
    # What has no resources goes in scripts, too.
    console(@app).ask("#{text}\ntrue") unless text.match?(/^\w+ "[^"]+" do$/)
  end

  def run_sh(example)
    example.commands.each do |command|
      program, *arguments = Shellwords.split(command)
      raise "#{example}: only flockctl can be run: #{command}" unless program == "flockctl"

      @bender.flockctl!(*arguments)
    end
  end

  def run_toml(example)
    @lb.stop
    before = File.read(@lb.path("agent.toml"))
    @lb.edit("agent.toml") { |text| "#{text}\n#{example.text}" }
    @lb.start
    @lb.flockctl!("doctor")
  ensure
    @lb.stop
    File.write(@lb.path("agent.toml"), before)
    @lb.start
  end

  def run(example)
    case example.language
    when "ruby" then run_ruby(example)
    when "sh" then run_sh(example)
    when "toml" then run_toml(example)
    else raise "an example is ruby, sh or toml, so that it can be run; this one says #{example.language.inspect}"
    end
  end

  %w[docs/calls.md docs/waits.md].each do |guide|
    Guide.examples(guide).each do |example|
      it("can be run: #{example} (#{example.language})") { expect { run(example) }.not_to raise_error }
    end
  end
end
