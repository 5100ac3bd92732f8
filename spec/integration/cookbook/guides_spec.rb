# frozen_string_literal: true

require "tmpdir"
require "support/cookbook/machine"
require "support/guide/coverage"

# What the cookbook's documents show is read by a real chef-client, as a cookbook of one's own that depends on this one:
# attributes from its attribute files, resources from its recipes. In why-run, since they are about the whole machine.
RSpec.describe "the cookbook's guides" do
  fences = Guide::Coverage.fences(Guide::Coverage::COOKBOOK)
  commands, resources = fences.partition { |one| one.language == "sh" }
  attributes, recipes = resources.partition { |one| one.text.match?(/^(?:node|default|override|force_\w+)\[/) }
  recipe = ->(example) { File.basename(example.file, ".md").downcase + example.line.to_s }

  before(:context) do
    @dir = Dir.mktmpdir("flock")
    @machine = CookbookMachine.new(@dir, "web1")
    @machine.write("repo/cookbooks/app/metadata.rb", "name 'app'\nversion '1.0.0'\ndepends 'flock_of_chefs'\n")
    attributes.each { |one| @machine.write("repo/cookbooks/app/attributes/#{recipe[one]}.rb", one.text) }
    recipes.each { |one| @machine.write("repo/cookbooks/app/recipes/#{recipe[one]}.rb", one.text) }
    run_list = ["flock_of_chefs", *recipes.map { |one| "app::#{recipe[one]}" }].map { |name| "recipe[#{name}]" }
    @run = @machine.converge("", "--why-run", run_list: run_list.join(","))
  end

  after(:context) { FileUtils.rm_rf(@dir) }

  it("have no commands that nobody runs; list them, or run them here") { expect(commands.map(&:to_s)).to eq([]) }

  it "have attributes and resources that a Chef run takes" do
    expect([attributes, recipes]).to all(be_any)
    expect(@run.status.success?).to be(true), @run.output
  end

  recipes.each do |example|
    it "have #{example}, whose resources are declared" do
      declared = example.text.scan(/^(flock_\w+)/).flatten.uniq
      told = @run.output.scan(/^Recipe: app::#{recipe[example]}\n(.*?)(?=^ *Recipe: |\z)/m).join
      expect(declared).not_to be_empty
      expect(declared.grep_v(->(one) { told.include?("* #{one}[") })).to eq([]), @run.output
    end
  end

  it "say with each resource how it is used" do
    shown = recipes.map { |example| File.basename(example.file, ".md") }
    resources = Dir.children(File.join(Guide::ROOT, "cookbook/resources")).map { |file| File.basename(file, ".rb") }
    expect(resources.reject { |one| shown.include?("flock_#{one}") }).to eq([])
  end
end
