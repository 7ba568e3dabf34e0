"""Charts of a realistic platform: applications on one library chart, the same at every call."""

from sandbox import Sandbox

LIBRARY = "platform"
APPLICATIONS = 66

_IGNORED = ".git/\n*.orig\n*.swp\n.idea/\n.vscode/\n"

_LIBRARY_CHART = f"""apiVersion: v2
name: {LIBRARY}
description: Names, labels and the environment that the platform's charts share
type: library
version: 1.2.0
"""

_NAMES = """{{/* The name of an application's objects. */}}
{{- define "platform.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "platform.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "platform.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
{{ include "platform.selector" . }}
{{- with .Chart.AppVersion }}
app.kubernetes.io/version: {{ . | quote }}
{{- end }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}
"""

_ENVIRONMENT = """{{/* Plain values as they are, secret ones by reference. */}}
{{- define "platform.environment" -}}
{{- range $name, $value := .Values.env }}
- name: {{ $name | snakecase | upper }}
  value: {{ $value | quote }}
{{- end }}
{{- range $name, $key := .Values.secretEnv }}
- name: {{ $name | snakecase | upper }}
  valueFrom:
    secretKeyRef:
      name: {{ include "platform.fullname" $ }}
      key: {{ $key }}
{{- end }}
{{- end -}}
"""

_DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "platform.fullname" . }}
  labels:
    {{- include "platform.labels" . | nindent 4 }}
spec:
  replicas: {{ .Values.replicas }}
  selector:
    matchLabels:
      {{- include "platform.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "platform.labels" . | nindent 8 }}
      {{- with .Values.podAnnotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      securityContext:
        {{- toYaml .Values.podSecurityContext | nindent 8 }}
      containers:
        - name: {{ .Chart.Name }}
          {{- with .Values.image }}
          image: "{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}"
          imagePullPolicy: {{ .pullPolicy }}
          {{- end }}
          securityContext:
            {{- toYaml .Values.securityContext | nindent 12 }}
          env:
            {{- include "platform.environment" . | nindent 12 }}
          ports:
            - name: http
              containerPort: {{ .Values.containerPort }}
          livenessProbe:
            {{- toYaml .Values.livenessProbe | nindent 12 }}
          readinessProbe:
            {{- toYaml .Values.readinessProbe | nindent 12 }}
          resources:
            {{- toYaml .Values.resources | nindent 12 }}
      {{- with .Values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
"""

_SERVICE = """apiVersion: v1
kind: Service
metadata:
  name: {{ include "platform.fullname" . }}
  labels:
    {{- include "platform.labels" . | nindent 4 }}
spec:
  type: {{ .Values.service.type }}
  ports:
    - name: http
      port: {{ .Values.service.port }}
      targetPort: http
  selector:
    {{- include "platform.selector" . | nindent 4 }}
"""

_INGRESS = """{{- if .Values.ingress.enabled }}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ include "platform.fullname" . }}
  labels:
    {{- include "platform.labels" . | nindent 4 }}
  {{- with .Values.ingress.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  ingressClassName: {{ .Values.ingress.className }}
  rules:
    {{- range .Values.ingress.hosts }}
    - host: {{ . | quote }}
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: {{ include "platform.fullname" $ }}
                port:
                  name: http
    {{- end }}
{{- end }}
"""

_CHART = """apiVersion: v2
name: {name}
description: The application {name} of the platform
type: application
version: 1.{number}.0
appVersion: "2.{number}.1"
home: https://example.com/{name}
sources:
  - https://example.com/{name}/source
maintainers:
  - name: Ada
    email: ada@example.com
dependencies:
  - name: platform
    version: ^1.0.0
    repository: file://../platform
"""

_VALUES = """# Values of {name}.
nameOverride: ""
replicas: 1

image:
  repository: registry.example.com/platform/{name}
  # Empty: the chart's appVersion.
  tag: ""
  pullPolicy: IfNotPresent

containerPort: {port}
service:
  type: ClusterIP
  port: 80

ingress:
  enabled: true
  className: nginx
  annotations:
    nginx.ingress.kubernetes.io/proxy-body-size: 32m
  hosts:
    - {name}.example.com

# Plain environment variables, in camel case.
env:
  logLevel: info
  databaseHost: mongodb
  databaseName: {name}
  messageBroker: redis://redis:6379
  publicUrl: https://{name}.example.com
# Keys of the secret that bears the release's name.
secretEnv:
  databasePassword: database-password
  signingKey: signing-key

podAnnotations: {{}}
podSecurityContext:
  runAsNonRoot: true
  runAsUser: 1000
  fsGroup: 1000
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]

livenessProbe:
  httpGet: {{path: /healthcheck, port: http}}
  initialDelaySeconds: 60
  periodSeconds: 60
readinessProbe:
  httpGet: {{path: /healthcheck, port: http}}
  initialDelaySeconds: 5
  periodSeconds: 10

resources:
  requests:
    cpu: 100m
    memory: {memory}Mi
  limits:
    memory: 1Gi
nodeSelector: {{}}
"""

_NOTES = """{{ .Chart.Name }} {{ .Chart.AppVersion }} runs as {{ include "platform.fullname" . }}.
"""


def write_charts(sandbox: Sandbox, applications: int = APPLICATIONS) -> None:
    """Write a library chart and the applications on it; all pass Helm's strict lint.

    Args:
        sandbox: Where ``charts/`` is written; nothing is committed.
        applications: How many charts there are beside the library.
    """
    charts = [library(), *(application(number) for number in range(applications))]
    for name, files in charts:
        for path, text in files.items():
            sandbox.write(f"charts/{name}/{path}", text)


def library() -> tuple[str, dict[str, str]]:
    """Return the library chart: its name, and its files by their paths."""
    return LIBRARY, {
        ".helmignore": _IGNORED,
        "Chart.yaml": _LIBRARY_CHART,
        "templates/_environment.tpl": _ENVIRONMENT,
        "templates/_names.tpl": _NAMES,
        "values.yaml": "nameOverride: ''\n",
    }


def application(number: int) -> tuple[str, dict[str, str]]:
    """Return an application on the library: its name, and its files by their paths."""
    name = f"application-{number:02}"
    return name, {
        ".helmignore": _IGNORED,
        "Chart.yaml": _CHART.format(name=name, number=number),
        "README.md": f"# {name}\n\nDeploys {name}, one of the platform's applications.\n",
        "templates/NOTES.txt": _NOTES,
        "templates/deployment.yaml": _DEPLOYMENT,
        "templates/ingress.yaml": _INGRESS,
        "templates/service.yaml": _SERVICE,
        "values.yaml": _VALUES.format(name=name, port=8000 + number, memory=128 + number),
    }
