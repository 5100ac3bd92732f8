# frozen_string_literal: true

require_relative "../support/fleet/callers"
require_relative "../support/guide/coverage"
require_relative "../support/guide/stage"
require_relative "../support/guide/story"

# Every example of the guides is run as it stands, on real nodes of the names that it uses, and so are the commands
# within their texts; what is different here is in Guide::Stage. One that is written later is run, too: let it use what
# is here, or add to it. Who runs the rest, and what nobody runs, is in Guide::Coverage. Files of the machine (`ini`,
# `toml`) are read as the machine does, in spec/unit/guides_spec.rb.
RSpec.describe "the guides", :acceptance, order: :defined do
  include_context "with callers"

  # README.md founds the flock, as it tells its readers to; the others join it.
  before(:context) do
    @fleet.close
    @stage = Guide::Stage.new
    @fleet = @stage.fleet
    bender0 = @stage.add("bender0", hub: true, agent_toml: @stage.run_command("bender0"))
    @stage.add("bender1")
    Guide::Story.new(@stage).tell_all(Guide.founding)
    populate
    @bender0 = bender0
    hold(bender0)
  end

  # Runs that the examples asked for end before their agents do.
  after(:context) do
    release
    Fleet.eventually("bender0 has done what it was asked for") do
      state = JSON.parse(@stage.node("app").flockctl!("call", "bender0", "flock_api", "state"))["state"]
      !%w[queued converging].include?(state)
    end
  end

  attr_reader :stage

  # What the guides' nodes are.
  def populate
    roles = { "web" => ["recipe[acceptance]"] } # for those that are asked to be in it
    { "bender" => { tags: ["cache"] }, "lb" => { tags: ["lb"] }, "db" => {}, "app" => {},
      "web1" => { tags: %w[web canary], agent_toml: @stage.run_command("web1"), roles: roles },
      "web2" => { tags: ["web"], agent_toml: @stage.run_command("web2"), roles: roles } }
      .map { |name, options| Thread.new { @stage.join(name, **options) } }.each(&:value)
    %w[bender lb db].each { |name| offer_guide_apis(@stage.node(name)) }
  end

  # What other guides than recipes.md, which has its own, want of db.
  def be_a_database
    converge("db", "node.default['postgres']['version'] = 15\nexecute('migrate') { action :nothing }\n")
  end

  def converge(name, recipe)
    @stage.give(@stage.node(name), Guide::Example.new("", 0, "ruby", recipe, ""))
    @stage.converge(@stage.node(name))
  end

  def offer_guide_apis(node)
    FileUtils.mkdir_p(node.path("data/apis"), mode: 0o700)
    FileUtils.cp(File.expand_path("../support/fleet/guide_apis.rb", __dir__), node.path("data/apis"))
    Fleet.eventually("#{node.name} serves") { host(node)["state"] == "serving" }
  end

  # bender0 converges while the examples are run: some wait for that.
  def hold(node)
    gate = File.join(@fleet.dir, "gate")
    @held = node.converge_in_background(
      "node.default['nginx']['port'] = 80\nruby_block('gate') { block { sleep 0.05 until File.exist?('#{gate}') } }\n"
    )
    from = Fleet::Console.new(@stage.node("app"))
    Fleet.eventually("bender0 converges") { from.ask("FlockOfChefs['bender0'][:flock_api].active") }
    from.close
  end

  def release
    FileUtils.touch(File.join(fleet.dir, "gate"))
    @held&.join
  end

  # What the last guides are about: two nodes of role web, and nobody who converges. Once is enough.
  def be_the_web
    release
    names = %w[web1 web2]
    files = names.map { |name| stage.node(name).path("run_list") }
    return if files.all? { |file| File.read(file) == "role[web]" }

    files.each { |file| File.write(file, "role[web]") }
    names.map { |name| quiet_thread { converge(name, <<~RUBY) } }.each(&:value)
      service('nginx') { action :nothing }
      execute('my-script') { command('true'); action :nothing }
    RUBY
    offer_guide_apis(stage.node("web1"))
  end

  # A recipe is run by Chef, and what has no resources in a script, too.
  def run_ruby(example)
    nodes = stage.nodes_of(example)
    return nodes.each { |node| stage.write(node, example) } if example.file_of_machine?

    nodes.each { |node| stage.give(node, example) }
    nodes.map { |node| quiet_thread { stage.converge(node) } }.each(&:value)
    console(nodes.first).ask("#{stage.local(example.text)}\ntrue") unless example.text.match?(/ do( \|\w+\|)?$/)
    armed(nodes)
  end

  # What is raised in it is told by its value.
  def quiet_thread
    Thread.new do
      Thread.current.report_on_exception = false
      yield
    end
  end

  # What recipes subscribed to is known to its sources.
  def armed(nodes)
    eventually("subscriptions are armed") do
      nodes.flat_map { |node| node.subscriptions("out") }.all? { |one| one["state"] == "armed" }
    end
  end

  def run(example)
    case example.language
    when "ruby" then run_ruby(example)
    when "sh" then stage.shell(stage.nodes_of(example).first, example)
    when "inline" then stage.shell(stage.node(example.file.match?(/calls|waits/) ? "app" : "bender0"), example)
    when "toml" then stage.nodes_of(example).each { |node| stage.write(node, example) }
    end
  end

  # @return [Array<Guide::Example>] of a guide
  def self.in_guide(file, *languages)
    Guide.examples(file).select { |one| languages.include?(one.language) }
  end

  describe "README.md" do
    (in_guide("README.md", "ruby", "sh") - Guide.founding).each do |example|
      it("has #{example}, which can be run") { expect { run(example) }.not_to raise_error }
    end

    it "founds a flock, and notifies" do
      expect(File.readlines(stage.local("/tmp/humans"))).to eq(["killed\n"] * 2)
    end
  end

  describe "docs/getting-started.md" do
    it "leads from nothing to a notification, step by step" do
      own = Guide::Stage.new
      %w[bender0 bender1].each { |name| own.add(name, hub: name == "bender0") }
      story = Guide::Story.new(own)
      Guide.examples("docs/getting-started.md").each { |example| story.tell(example) }
      humans = own.local("/tmp/humans")
      eventually("what was sent to a node that was off") { File.readlines(humans).size >= 3 }
      expect(File.readlines(humans)).to eq(["killed\n"] * 3)
    ensure
      own.close
    end
  end

  # What follows on others' ground comes later.
  %w[words security migration troubleshooting calls waits].map { |name| "docs/#{name}.md" }.each do |guide|
    describe guide do
      before(:context) { be_a_database if guide.match?(/calls|waits/) }

      in_guide(guide, "ruby", "sh").each do |example|
        it("has #{example}, which can be run") { expect { run(example) }.not_to raise_error }
      end
    end
  end

  # Each section is one story, with an end that is looked at.
  describe "docs/recipes.md" do
    ends = {
      "A service reloads where a file changes elsewhere" => ["lb reload haproxy"],
      "A certificate is renewed, and everybody who uses it reloads" => ["web1 reload nginx", "web2 reload nginx"],
      "Migrate the database, then go on" => ["migrate", "app restart app"],
      "Wait for a database" => %w[migrate migrate],
      "Leader first" => ["cluster-init", "cluster-join web1"],
      "One at a time" => ["web1 restart app", "web2 restart app"] * 2,
      "Canary" => ["web1 restart app", "web1 restart app", "web2 restart app"],
      "Drain a load balancer" => ["upgrade"],
      "Any one of them" => ["warm-cache"]
    }
    # Where the order is not the recipe's.
    at_once = ["A certificate is renewed, and everybody who uses it reloads", "Canary"]

    stories = in_guide("docs/recipes.md", "ruby", "sh").group_by(&:section)
    it("has an end for each") { expect(stories.keys).to match_array(ends.keys) }

    stories.each do |title, examples|
      it "works: #{title}" do
        stage.forget
        examples.each { |example| run(example) }
        wanted = at_once.include?(title) ? match_array(ends[title]) : eq(ends[title])
        eventually("#{title} has had its effect") { stage.journal.size >= ends[title].size }
        expect(stage.journal).to wanted
        expect(stage.journal.first).to eq(ends[title].first) if title == "Canary"
      end
    end
  end

  describe "what stands within texts" do
    before(:context) { be_the_web }

    Guide::Coverage.within_texts.each do |example|
      it("can be run: #{example}, #{example.text}") { expect { run(example) }.not_to raise_error }
    end
  end

  describe "docs/flockctl.md" do
    before(:context) { be_the_web }

    in_guide("docs/flockctl.md", "ruby", "sh").each do |example|
      it("has #{example}, which can be run") { expect { run(example) }.not_to raise_error }
    end
  end

  describe "docs/operations.md" do
    before(:context) { be_the_web }

    in_guide("docs/operations.md", "sh", "toml").reject { |one| one.place.empty? }.each do |example|
      it "has #{example}, which can be run" do
        stage.replace(stage.node("web2")) if example.place.include?("new machine")
        expect { run(example) }.not_to raise_error
      end
    end

    it "ends with all nodes in the flock, and without an operator" do
      names = fleet.nodes.map(&:name)
      eventually("all live") { alive.sort == names.sort }
      alice = Guide::Example.new("", 0, "sh", "flockctl nodes\n", "")
      expect { stage.shell(stage.workstation("alice"), alice) }.to raise_error(/\Aon alice \(7\)/)
    end

    def alive
      nodes = JSON.parse(stage.node("bender0").flockctl!("nodes", "--format", "json"))
      nodes.select { |one| one["presence"] == "alive" }.map { |one| one["name"] }
    end
  end
end
