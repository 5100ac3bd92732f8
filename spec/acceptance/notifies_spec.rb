# frozen_string_literal: true

require_relative "../support/fleet"
require_relative "../support/recipes"

RSpec.describe "remote_notifies between two real nodes", :acceptance do
  around do |example|
    Fleet.open do |fleet|
      @fleet = fleet
      example.run
    end
  end

  attr_reader :fleet

  def oracle = File.join(fleet.dir, "oracle")
  def fired = File.exist?(oracle) ? File.readlines(oracle, chomp: true) : []

  # A target that appends a word to the oracle whenever it is run.
  def appending(name, word = name)
    <<~RUBY
      execute '#{name}' do
        command "echo '#{word}' >> #{oracle}"
        action :nothing
      end
    RUBY
  end

  def sending(options, key: "execute[mark]", action: ":run", file: "trigger", content: "v1")
    <<~RUBY
      file '#{fleet.dir}/#{file}' do
        content '#{content}'
        remote_notifies #{action}, '#{key}', #{options}
      end
    RUBY
  end

  describe "the README's recipe, verbatim" do
    it "fires exactly once on change and not on an unchanged second run" do
      bender0 = fleet.hub("bender0")
      bender1 = fleet.join("bender1")
      bender1.converge!(appending("kill all humans"))
      recipe = Recipes.rooted("readme_notification", fleet.dir)

      bender0.converge!(recipe)
      expect(bender0.settled(count: 1).map { |sent| sent["state"] }).to eq(["done"])
      expect(fired).to eq(["kill all humans"])

      bender0.converge!(recipe)
      expect(bender0.settled.length).to eq(1)
      expect(fired).to eq(["kill all humans"])
    end
  end

  describe "the slides' recipe, verbatim" do
    it "creates the file that only its notification may create" do
      node1 = fleet.hub("node1")
      node2 = fleet.join("node2")
      node2.converge!("file '#{fleet.dir}/test_file' do\n  action :nothing\n  content 'test'\nend\n")
      expect(File).not_to exist("#{fleet.dir}/test_file")

      node1.converge!(Recipes.rooted("slides_notification", fleet.dir))

      expect(node1.settled(count: 1).map { |sent| sent["state"] }).to eq(["done"])
      expect(File.read("#{fleet.dir}/test_file")).to eq("test")
    end
  end

  describe "targets" do
    before do
      @hub = fleet.hub("hub0")
      @web = fleet.join("web1", tags: ["blue"], roles: { "web" => ["recipe[acceptance]"] })
      @stage = fleet.join("stage1", environment: "staging")
      @web.converge!(appending("mark", "web1"), run_list: "role[web]")
      @stage.converge!(appending("mark", "stage1"))
    end

    { "name" => ['node: "web1"', %w[web1]], "list" => ["node: %w[web1 stage1]", %w[stage1 web1]],
      "role" => ['roles: "web"', %w[web1]], "tag" => ['tags: "blue"', %w[web1]],
      "environment" => ['environment: "staging"', %w[stage1]] }.each do |kind, (options, expected)|
      it "finds them by #{kind}" do
        @hub.converge!(sending(options))
        expect(@hub.settled(count: expected.length).map { |sent| sent["state"] }.uniq).to eq(["done"])
        expect(fired.sort).to eq(expected)
      end
    end

    it "finds them by query, a Chef search of the sender's run" do
      @hub.converge!("")
      FileUtils.cp_r(@web.path("repo/nodes"), @hub.path("repo"))
      @hub.converge!(sending('query: "role:web"'))
      @hub.settled(count: 1)
      expect(fired).to eq(%w[web1])
    end

    it "says so when nothing matches" do
      @hub.converge!(sending('roles: "nobody"'))
      expect(@hub.settled(count: 1).first).to include("state" => "undeliverable", "code" => "no_target")
    end
  end

  describe "a target that is not ready" do
    it "is served when it comes back, if it was off" do
      hub = fleet.hub("hub0")
      target = fleet.join("node1")
      target.converge!(appending("mark"))
      target.stop
      hub.converge!(sending('node: "node1"'))
      expect(hub.notifications.map { |sent| sent["state"] }).to all(eq("queued").or(eq("offered")))

      target.start
      hub.settled(count: 1)
      expect(fired).to eq(["mark"])
    end

    it "runs it after its own converge, from the new snapshot" do
      hub = fleet.hub("hub0")
      target = fleet.join("node1")
      target.converge!(appending("mark", "old"))
      fifo = File.join(fleet.dir, "gate")
      File.mkfifo(fifo)
      running = target.converge_in_background(<<~RUBY)
        #{appending("mark", "new")}
        ruby_block 'wait for the gate' do
          block { File.read('#{fifo}') }
        end
      RUBY
      Fleet.eventually("converge holds") { JSON.parse(File.read(target.path("data/run.json")))["phase"] == "running" }
      hub.converge!(sending('node: "node1"'))
      Fleet.eventually("stored at the target") { hub.notifications.first["state"] == "stored" }
      expect(fired).to eq([])

      File.write(fifo, "go")
      expect(running.value).to be_success
      hub.settled(count: 1)
      expect(fired).to eq(["new"])
    end

    it "keeps it for a target that has never converged" do
      hub = fleet.hub("hub0")
      target = fleet.join("node1")
      hub.converge!(sending('node: "node1"'))
      Fleet.eventually("stored at the target") { hub.notifications.first["state"] == "stored" }

      target.converge!(appending("mark"))
      hub.settled(count: 1)
      expect(fired).to eq(["mark"])
    end

    it "keeps it for a resource that appears only in the target's next run" do
      hub = fleet.hub("hub0")
      target = fleet.join("node1")
      target.converge!(appending("something else"))
      hub.converge!(sending('node: "node1"'))
      Fleet.eventually("stored at the target") { hub.notifications.first["state"] == "stored" }

      target.converge!(appending("mark"))
      expect(hub.settled(count: 1).first["state"]).to eq("done")
      expect(fired).to eq(["mark"])
    end

    it "ends as undeliverable when the next run does not declare the resource either" do
      hub = fleet.hub("hub0")
      target = fleet.join("node1")
      hub.converge!(sending('node: "node1"'))
      Fleet.eventually("stored at the target") { hub.notifications.first["state"] == "stored" }

      target.converge!(appending("something else"))
      expect(hub.settled(count: 1).first).to include("state" => "undeliverable", "code" => "resource_absent")
    end
  end

  describe "what can be fired" do
    before do
      @hub = fleet.hub("hub0")
      @target = fleet.join("node1")
    end

    def fire(key, action)
      @hub.converge!(sending('node: "node1"', key: key, action: action))
      @hub.settled(count: 1).first
    end

    it "is a template with lazy variables, behind a guard" do
      out = "#{fleet.dir}/out.conf"
      @target.converge!(<<~RUBY, files: { "templates/out.erb" => "value=<%= @value %> node=<%= node.name %>\n" })
        template '#{out}' do
          source 'out.erb'
          variables lazy { { value: 40 + 2 } }
          only_if { true }
          action :nothing
        end
      RUBY
      expect(fire("template[#{out}]", ":create")["state"]).to eq("done")
      expect(File.read(out)).to eq("value=42 node=node1\n")
    end

    it "is a custom resource" do
      @target.converge!(<<~RUBY, files: { "resources/marker.rb" => <<~MARKER })
        acceptance_marker 'mark' do
          word 'custom'
          action :nothing
        end
      RUBY
        provides :acceptance_marker
        unified_mode true
        property :word, String
        action :place do
          execute "echo \#{new_resource.word} >> #{oracle}"
        end
      MARKER
      expect(fire("acceptance_marker[mark]", ":place")["state"]).to eq("done")
      expect(fired).to eq(["custom"])
    end

    it "brings its own delayed notifications along" do
      @target.converge!(<<~RUBY)
        #{appending("afterwards")}
        execute 'mark' do
          command "echo mark >> #{oracle}"
          action :nothing
          notifies :run, 'execute[afterwards]', :delayed
        end
      RUBY
      expect(fire("execute[mark]", ":run")["state"]).to eq("done")
      expect(fired).to eq(%w[mark afterwards])
    end

    it "reports a failed action back" do
      @target.converge!("execute 'mark' do\n  command 'exit 7'\n  action :nothing\nend\n")
      expect(fire("execute[mark]", ":run")).to include("state" => "failed", "code" => "action_failed",
                                                       "message" => a_string_matching(/7/))
    end

    it "reports a denied action back" do
      @target.converge!("file '#{fleet.dir}/precious' do\n  content 'x'\nend\n")
      expect(fire("file[#{fleet.dir}/precious]", ":delete")).to include("state" => "denied", "code" => "policy")
      expect(File).to exist("#{fleet.dir}/precious")
    end

    it "answers for an action that the resource does not have" do
      @target.converge!(appending("mark"))
      expect(fire("execute[mark]", ":explode")["state"]).to eq("denied").or eq("undeliverable")
    end
  end

  it "runs a node's own notifications to itself after the converge" do
    node = fleet.hub("solo")
    node.converge!(appending("mark") + sending('node: "solo"'))
    expect(node.settled(count: 1).first["state"]).to eq("done")
    expect(fired).to eq(["mark"])
  end

  it "stops a loop of two nodes that notify each other" do
    hub = fleet.hub("ping")
    other = fleet.join("pong")
    [[hub, "pong"], [other, "ping"]].each do |node, peer|
      node.converge!(<<~RUBY)
        execute 'mark' do
          command "echo #{node.name} >> #{oracle}"
          action :nothing
          remote_notifies :run, 'execute[mark]', :immediately, node: '#{peer}'
        end
      RUBY
    end
    hub.flockctl!("notify", "pong", "execute[mark]", "run", "--wait", "60")
    Fleet.eventually("the loop is denied") do
      (hub.notifications + other.notifications).any? { |sent| sent["code"] == "loop" }
    end
    expect(fired).to eq(%w[pong ping])
  end

  it "neither fails nor loses anything while the sender's own agent is down" do
    hub = fleet.hub("hub0")
    target = fleet.join("node1")
    target.converge!(appending("mark"))
    hub.stop
    hub.converge!(sending('node: "node1"'))
    expect(Dir[hub.path("data/spool/new/*.json")].length).to eq(1)

    hub.start
    hub.settled(count: 1)
    expect(fired).to eq(["mark"])
    expect(Dir[hub.path("data/spool/new/*.json")]).to eq([])
  end
end
