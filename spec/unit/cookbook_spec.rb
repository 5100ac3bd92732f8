# frozen_string_literal: true

require "parser/ruby27"
require_relative "../../cookbook/libraries/toml"
require_relative "../../cookbook/libraries/unit"

# What of the cookbook needs no Chef.
RSpec.describe "the cookbook's files" do
  root = File.expand_path("../..", __dir__)

  def keys(unit) = unit.scan(/^([A-Za-z]+)=/).flatten.sort.uniq - %w[Documentation Environment]

  it "are of the gem's version" do
    expect(File.read("#{root}/cookbook/metadata.rb")[/^version '(.*)'$/, 1]).to eq(FlockOfChefs::VERSION)
  end

  it "have the licence of the gem" do
    expect(File.read("#{root}/cookbook/LICENSE")).to eq(File.read("#{root}/LICENSE"))
  end

  it "are read by the Ruby of the oldest Chef, which is told there what is missing" do
    files = Dir["#{root}/cookbook/{attributes,libraries,recipes,resources}/*.rb"]
    expect(files.size).to be > 10
    files.each { |file| expect { Parser::Ruby27.parse(File.read(file), file) }.not_to raise_error }
  end

  it "have a page for each resource that names each of its properties" do
    Dir["#{root}/cookbook/resources/*.rb"].each do |file|
      page = File.read("#{root}/cookbook/documentation/flock_#{File.basename(file, ".rb")}.md")
      File.read(file).scan(/^property :(\w+)/).flatten.each { |property| expect(page).to include("`#{property}`") }
    end
  end

  describe FlockOfChefsCookbook::Unit do
    it "has the settings of the unit in the documents" do
      documented = File.read("#{root}/docs/operations.md")[/```ini\n(.*?)```/m, 1]
      written = described_class.render(%w[ruby flockctl agent], {}, "/run/flock/agent.sock")
      expect(keys(written)).to eq(keys(documented))
      %w[Type KillMode OOMPolicy UMask TimeoutStopSec RestartSec LimitNOFILE LimitCORE WatchdogSec
         RuntimeDirectoryMode].each do |key|
        expect(written[/^#{key}=.*/]).to eq(documented[/^#{key}=.*/])
      end
    end

    it "quotes what systemd would read otherwise" do
      command = ["/opt/my ruby/bin/ruby", "50%", "$x", 'a"b']
      written = described_class.render(command, { "A" => "b c", "B" => nil }, "/x")
      expect(written).to include(%(ExecStart="/opt/my ruby/bin/ruby" 50%% $$x "a\\"b"\n), %(Environment="A=b c"\n))
      expect(written).not_to match(/B=|RuntimeDirectory/)
    end
  end

  describe FlockOfChefsCookbook::Toml do
    it "writes values first, then tables, then lists of tables" do
      settings = { "allow" => [{ "from" => "*", "call" => %w[a.b] }], "log" => { "level" => "info", "format" => nil },
                   "name" => "x", "n" => 3, "on" => true, "gone" => nil, "tags" => [:a, "b\"\\\n\u007f"] }
      expect(described_class.render(settings)).to eq(<<~'TOML')
        name = "x"
        n = 3
        on = true
        tags = ["a", "b\"\\\n\u007f"]

        [log]
        level = "info"

        [[allow]]
        from = "*"
        call = ["a.b"]
      TOML
    end

    it "refuses what has no place there" do
      deep = { "log" => { "a" => { "b" => 1 } } }
      expect { described_class.render(deep) }.to raise_error(ArgumentError, /one level deep/)
    end
  end
end
